"""A local port that leads to a pod's, through the API server; as `kubectl port-forward` does."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Any

import kubernetes
from kubernetes.stream import portforward

from pipelines.kubeflow.connection import Cluster

_CHUNK = 1 << 16
_OPENING = threading.Lock()


class PortForward:
    """Listens on a free port of this machine until it is closed; a context.

    Args:
        cluster: Where the pod is.
        namespace: The pod's.
        pod: The pod's name.
        port: A port of the pod.

    Attributes:
        address: The local `host:port`.
    """

    def __init__(self, cluster: Cluster, namespace: str, pod: str, port: int) -> None:
        # A client of its own: while a stream is opened, its client can do nothing else.
        self._core = kubernetes.client.CoreV1Api(kubernetes.client.ApiClient(cluster.api.configuration))
        self._namespace, self._pod, self._port = namespace, pod, port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, name=f"port-forward-{pod}", daemon=True).start()

    def close(self) -> None:
        """Stop listening, and break the connections."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in list(self._open):
            _hang_up(connection)

    def __enter__(self) -> PortForward:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with _OPENING:
                forward = portforward(
                    self._core.connect_get_namespaced_pod_portforward,
                    self._pod,
                    self._namespace,
                    ports=str(self._port),
                )
        # Whatever it is, the caller sees a connection that is closed, and tries again or gives up.
        except Exception:
            self._drop(connection)
            return
        remote = forward.socket(self._port)
        back = threading.Thread(target=_pump, args=(remote, connection), daemon=True)
        back.start()
        _pump(connection, remote)
        back.join()
        remote.close()
        self._drop(connection)

    def _drop(self, connection: socket.socket) -> None:
        self._open.discard(connection)
        _hang_up(connection)
        connection.close()


def _pump(source: Any, target: Any) -> None:
    """Copy until either side ends, then end both."""
    with suppress(OSError):
        while chunk := source.recv(_CHUNK):
            target.sendall(chunk)
    _hang_up(source)
    _hang_up(target)


def _hang_up(connection: Any) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
