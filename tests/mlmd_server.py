"""Serve ML Metadata's gRPC API from the store in the ml-metadata wheel, as metadata-grpc-service does.

Requests and replies pass through as bytes, so that every client's version is served. One store and one
lock: SQLite wants a single writer.
"""

from __future__ import annotations

import argparse
import threading
from collections.abc import Callable
from concurrent import futures

import grpc
from ml_metadata.metadata_store.pywrap.metadata_store_extension import metadata_store
from ml_metadata.proto import metadata_store_pb2

_SERVICE = "/ml_metadata.MetadataStoreService/"
# The extension answers with absl's status codes; their numbers are gRPC's.
_CODES = {code.value[0]: code for code in grpc.StatusCode}
_LIMIT_BYTES = 100 * 2**20


class _Store(grpc.GenericRpcHandler):
    """Every method of the service, found by its name in the extension."""

    def __init__(self, path: str) -> None:
        config = metadata_store_pb2.ConnectionConfig()
        config.sqlite.filename_uri = path
        config.sqlite.connection_mode = metadata_store_pb2.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
        options = metadata_store_pb2.MigrationOptions(enable_upgrade_migration=True)
        self._store = metadata_store.CreateMetadataStore(
            config.SerializeToString(), options.SerializeToString()
        )
        self._lock = threading.Lock()

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        name = details.method.removeprefix(_SERVICE)
        if not details.method.startswith(_SERVICE) or not name.startswith(("Get", "Put")):
            return None
        method = getattr(metadata_store, name, None)
        return grpc.unary_unary_rpc_method_handler(self._caller(method)) if method else None

    def _caller(self, method: Callable[..., tuple[bytes, bytes | str, int]]) -> Callable[..., bytes]:
        def call(request: bytes, context: grpc.ServicerContext) -> bytes:
            with self._lock:
                reply, message, code = method(self._store, request)
            if code:
                text = message.decode() if isinstance(message, bytes) else message
                context.abort(_CODES.get(code, grpc.StatusCode.UNKNOWN), text)
            return reply

        return call


def serve(address: str, path: str) -> tuple[grpc.Server, int]:
    """Start a server on `address` over the SQLite file `path`; return it and its port."""
    server = grpc.server(
        futures.ThreadPoolExecutor(16),
        handlers=[_Store(path)],
        options=[
            ("grpc.max_receive_message_length", _LIMIT_BYTES),
            ("grpc.max_send_message_length", _LIMIT_BYTES),
            ("grpc.max_metadata_size", 16384),
        ],
    )
    port = server.add_insecure_port(address)
    server.start()
    return server, port


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", default="127.0.0.1:8080")
    parser.add_argument("--sqlite", required=True, metavar="FILE")
    arguments = parser.parse_args()
    server, port = serve(arguments.address, arguments.sqlite)
    print(f"serving ML Metadata on port {port}", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
