"""Read a request's body within limits, before and after decompression."""

from __future__ import annotations

import zlib

from starlette.requests import ClientDisconnect, Request

from .errors import Code, ServingError, invalid, too_large

MAX_BODY_BYTES = 16 * 2**20
MAX_DECOMPRESSED_BYTES = 64 * 2**20

_GZIP_WINDOW = 16 + zlib.MAX_WBITS


async def read_body(
    request: Request, limit: int = MAX_BODY_BYTES, decompressed_limit: int = MAX_DECOMPRESSED_BYTES
) -> bytes:
    """Return the body, decompressed when it is gzipped.

    Args:
        request: Nothing of its body was read yet.
        limit: Largest size in bytes.
        decompressed_limit: Largest size after gzip.

    Raises:
        ServingError: HTTP 413: over a limit. INVALID_ARGUMENT: not gzip although it says so. CANCELLED: the
            client went away.
    """
    _check_size(_declared_length(request), limit)
    parts: list[bytes] = []
    size = 0
    try:
        async for part in request.stream():
            size += len(part)
            _check_size(size, limit)
            parts.append(part)
    except ClientDisconnect as error:
        raise ServingError(Code.CANCELLED, "The client went away.") from error
    body = b"".join(parts)
    if "gzip" not in request.headers.get("content-encoding", "").lower():
        return body
    return decompress(body, decompressed_limit)


def decompress(body: bytes, limit: int = MAX_DECOMPRESSED_BYTES) -> bytes:
    """Return the content of a gzip body of bounded size.

    Raises:
        ServingError: HTTP 413: it is larger. INVALID_ARGUMENT: it is not gzip, or cut off.
    """
    decoder = zlib.decompressobj(_GZIP_WINDOW)
    try:
        content = decoder.decompress(body, limit + 1)
    except zlib.error as error:
        raise invalid(f"The body is not valid gzip: {error}.") from error
    if len(content) > limit:
        raise too_large(f"The decompressed body is larger than {limit} bytes.")
    if not decoder.eof:
        raise invalid("The body is not valid gzip: it ends too early.")
    return content


def _declared_length(request: Request) -> int:
    declared = request.headers.get("content-length", "")
    return int(declared) if declared.isdecimal() else 0


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise too_large(f"The request body is larger than {limit} bytes.")
