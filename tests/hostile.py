"""Requests that mean harm to a model server, and a fuzzer for both APIs; everything follows from a seed."""

from __future__ import annotations

import gzip
import http.client
import json
import random
import socket
import zlib
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any

import grpc
from tensorflow.core.framework import tensor_pb2, types_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    predict_pb2,
)

MODEL = "half_plus_two"
PATH = f"/v1/models/{MODEL}:predict"
MIB, GIB = 2**20, 2**30
# What the fuzzer may get: an answer, or a refusal that says whose fault it is. Never 500.
ACCEPTABLE_HTTP = frozenset((0, 200, *range(400, 500), 501, 503))
ACCEPTABLE_GRPC = frozenset(
    (
        "OK",
        "INVALID_ARGUMENT",
        "NOT_FOUND",
        "FAILED_PRECONDITION",
        "UNIMPLEMENTED",
        "UNAVAILABLE",
        "RESOURCE_EXHAUSTED",
        "OUT_OF_RANGE",
    )
)
_UNREADABLE = "Exception deserializing request!"
_INTERESTING = (
    b"\0",
    b"\xff",
    b'"',
    b"[",
    b"{",
    b"}",
    b"NaN",
    b"1e999",
    b"-",
    b"\\u0000",
    b"null",
    b"9" * 50,
)
_KEYS = ("instances", "inputs", "signature_name", "examples", "context", "x", "b64", "")
_PATHS = ("", "/versions/123", "/versions/0", "/labels/stable", "/metadata", "/versions/99999999999999999999")
_ACTIONS = (":predict", ":classify", ":regress", "", "/metadata", ":PREDICT", ":x")


def send(address: str, data: bytes, timeout: float = 30) -> int:
    """Send bytes on a connection of their own; return the status, 0 when the server just closes."""
    with connect(address, timeout) as client:
        # It may be refused before all of it is sent.
        with suppress(OSError):
            client.sendall(data)
        return status(client)


def connect(address: str, timeout: float = 30) -> socket.socket:
    """Return a connection to `http://host:port`."""
    host, _, port = address.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout)


def status(client: socket.socket) -> int:
    """Read the first line of an answer; 0 when there is none."""
    try:
        line = client.makefile("rb").readline()
    except OSError:
        return 0
    return int(line.split()[1]) if line.startswith(b"HTTP/") else 0


def request(body: bytes, *headers: str, path: str = PATH) -> bytes:
    """Return a whole POST request."""
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: x",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


@cache
def deep() -> bytes:
    """Return a million levels where the parser has to look."""
    return request(b'{"instances": ' + b"[" * 10**6 + b"]" * 10**6 + b"}")


@cache
def many() -> bytes:
    """Return a hundred thousand instances."""
    return request(json.dumps({"instances": [1.0] * 10**5}).encode())


@cache
def bomb(unpacked: int = 10 * GIB) -> bytes:
    """Return some MB of gzip that unfold to gigabytes."""
    packer = zlib.compressobj(9, wbits=16 + zlib.MAX_WBITS)
    block = bytes(64 * MIB)
    packed = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    # After a full flush the same block is packed into the same bytes.
    again = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    return request(packed + again * (unpacked // len(block) - 1), "Content-Encoding: gzip")


def huge() -> bytes:
    """Return the head of a request that announces a gibibyte."""
    return f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {GIB}\r\n\r\n".encode() + b"[" * 65536


@cache
def endless() -> bytes:
    """Return 32 MiB in chunks, without a length."""
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    return head + (b"100000\r\n" + b" " * MIB + b"\r\n") * 32


@cache
def unreadable() -> bytes:
    """Return a megabyte that is no UTF-8."""
    return request(b'{"instances": ["' + b"\xff\xfe" * MIB + b'"]}')


ATTACKS: dict[str, Callable[[], bytes]] = {
    "depth 10^6": deep,
    "1 GiB announced": huge,
    "32 MiB in chunks": endless,
    "gzip bomb, 10 MB to 10 GB": bomb,
    "10^5 instances": many,
    "no UTF-8": unreadable,
}


class SlowLoris:
    """Connections that send a byte now and then.

    Args:
        address: The REST API.
        connections: How many.
        body: Whether it is the body that comes slowly, or the head.
    """

    def __init__(self, address: str, connections: int, body: bool) -> None:
        start = request(b" " * 1000)[:-999] if body else b"POST "
        self._clients = [connect(address) for _ in range(connections)]
        self._open = list(self._clients)
        for client in self._clients:
            client.sendall(start)

    def drip(self) -> int:
        """Send a byte on each connection; return how many the server has not closed."""
        still = []
        for client in self._open:
            try:
                client.sendall(b" ")
                still.append(client)
            except OSError:
                continue
        self._open = still
        return len(still)

    def close(self) -> None:
        """Close all connections."""
        for client in self._clients:
            client.close()


class Fuzzer:
    """One case after the other, each from the seed and its number alone.

    Args:
        rest: Address of the REST API.
        over_grpc: Address of gRPC.
        seed: Other seeds make other cases.
    """

    def __init__(self, rest: str, over_grpc: str, seed: int = 0) -> None:
        self._rest, self._seed = rest, seed
        self._connection = http.client.HTTPConnection(rest.removeprefix("http://"), timeout=30)
        self._channel = grpc.insecure_channel(over_grpc)
        self._kinds = (self._bytes, self._structure, self._path, self._http, self._message, self._message)

    def run(self, number: int) -> tuple[str, bool]:
        """Send one case; return what came, and whether that is acceptable."""
        chance = random.Random(f"{self._seed}/{number}")
        return self._kinds[number % len(self._kinds)](chance)

    def _bytes(self, chance: random.Random) -> tuple[str, bool]:
        body = mutated(json.dumps({"instances": [1.0, -2.5, 3e10]}).encode(), chance)
        headers = {}
        if not chance.randrange(4):
            headers["Content-Encoding"] = "gzip"
            body = mutated(gzip.compress(body), chance) if chance.randrange(2) else gzip.compress(body)
        return self._ask("POST", PATH, body, headers)

    def _structure(self, chance: random.Random) -> tuple[str, bool]:
        document = {chance.choice(_KEYS): value(chance, 4) for _ in range(chance.randrange(4))}
        action = chance.choice(_ACTIONS[:3])
        return self._ask("POST", f"/v1/models/{MODEL}{action}", json.dumps(document).encode(), {})

    def _path(self, chance: random.Random) -> tuple[str, bool]:
        path = f"/v1/models/{MODEL}{chance.choice(_PATHS)}{chance.choice(_ACTIONS)}"
        path = mutated(path.encode(), chance).decode("latin-1")
        path = "/" + "".join(c if 32 < ord(c) < 127 else "%%%02x" % (ord(c) & 255) for c in path)
        return self._ask(chance.choice(("GET", "POST", "PUT", "OPTIONS")), path, b'{"instances": [1]}', {})

    def _http(self, chance: random.Random) -> tuple[str, bool]:
        code = send(self._rest, mutated(request(b'{"instances": [1.0]}'), chance) + b"\r\n\r\n")
        return f"HTTP {code}", code in ACCEPTABLE_HTTP

    def _message(self, chance: random.Random) -> tuple[str, bool]:
        method, message = chance.choice(messages())
        data = message if chance.randrange(50) == 0 else mutated(message, chance)
        try:
            self._channel.unary_unary(method)(data, timeout=30)
        except grpc.RpcError as error:
            code, details = error.code().name, error.details() or ""
            return code, code in ACCEPTABLE_GRPC or (code == "INTERNAL" and details == _UNREADABLE)
        return "OK", True

    def _ask(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[str, bool]:
        try:
            self._connection.request(method, path, body, headers)
            response = self._connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException):
            # The server may close a connection, and must answer on the next one.
            self._connection.close()
            return "closed", True
        return f"HTTP {response.status}", response.status in ACCEPTABLE_HTTP


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Return `data` with some bytes changed, added, doubled or cut off."""
    for _ in range(chance.randrange(1, 5)):
        at = chance.randrange(len(data) + 1)
        end = min(len(data), at + chance.randrange(1, 9))
        match chance.randrange(5):
            case 0:
                data = data[:at] + chance.randbytes(end - at) + data[end:]
            case 1:
                data = data[:at] + chance.choice(_INTERESTING) + data[at:]
            case 2:
                data = data[:end] + data[at:end] * chance.randrange(1, 20) + data[end:]
            case 3:
                data = data[:at] + data[end:]
            case _:
                data = data[:at] if chance.randrange(4) == 0 else data
    return data


def value(chance: random.Random, depth: int) -> Any:
    """Return a JSON value, wild but small."""
    match chance.randrange(9 if depth else 6):
        case 0:
            return chance.choice((0, 1, -1, 2**31, 2**63, -(2**63) - 1, 10**40))
        case 1:
            return chance.choice((0.5, -1e300, 1e-300, float("nan"), float("inf")))
        case 2:
            return chance.choice(("", "a", "é", "\ud800", "x" * 100, "AAAA"))
        case 3:
            return chance.choice((None, True, False))
        case 4:
            return {"b64": chance.choice(("AAAA", "A", "?", 5))}
        case 5:
            return []
        case 6:
            return {chance.choice(_KEYS): value(chance, depth - 1) for _ in range(chance.randrange(4))}
        case _:
            return [value(chance, depth - 1) for _ in range(chance.randrange(5))]


@cache
def messages() -> list[tuple[str, bytes]]:
    """Return gRPC methods and a good request for each; reloading is left out, as it may succeed."""
    predict = predict_pb2.PredictRequest()
    predict.inputs["x"].CopyFrom(tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, float_val=[1.0, 2.0]))
    predict.inputs["x"].tensor_shape.dim.add(size=2)
    predict.output_filter.append("y")
    classify = classification_pb2.ClassificationRequest()
    classify.input.example_list.examples.add().features.feature["x"].float_list.value.append(1.0)
    metadata = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    status_request = get_model_status_pb2.GetModelStatusRequest()
    multi = inference_pb2.MultiInferenceRequest(input=classify.input)
    task = multi.tasks.add(method_name="tensorflow/serving/regress")
    for spec in (predict.model_spec, classify.model_spec, metadata.model_spec, status_request.model_spec):
        spec.name = MODEL
    task.model_spec.name = MODEL
    predictions, models = "/tensorflow.serving.PredictionService/", "/tensorflow.serving.ModelService/"
    return [
        (f"{predictions}Predict", predict.SerializeToString()),
        (f"{predictions}Classify", classify.SerializeToString()),
        (f"{predictions}Regress", classify.SerializeToString()),
        (f"{predictions}MultiInference", multi.SerializeToString()),
        (f"{predictions}GetModelMetadata", metadata.SerializeToString()),
        (f"{models}GetModelStatus", status_request.SerializeToString()),
    ]
