"""Read a request's body within limits, before and after decompression."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from starlette.requests import ClientDisconnect, Request

from .errors import Code, ServingError, invalid, too_large

MAX_BODY_BYTES = 16 * 2**20
MAX_DECOMPRESSED_BYTES = 64 * 2**20

# What unfolds further than text ever does is not worth unfolding to its end.
_MOST_TIMES = 100
_SMALL_BYTES = 8 * 2**20
_PIECE_BYTES = 2**18
# A body that is larger comes in with pauses, or those who send such bodies would keep the event loop busy.
_LARGE_BYTES = 2**18
_BREATH_SECONDS = 0.002
_GZIP_WINDOW = 16 + zlib.MAX_WBITS
# One at a time, whatever is sent: unfolding keeps a core busy, and other requests need the event loop.
_unfolding = ThreadPoolExecutor(1, thread_name_prefix="serving-gzip")


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
            if size > _LARGE_BYTES:
                await asyncio.sleep(_BREATH_SECONDS)
    except ClientDisconnect as error:
        raise ServingError(Code.CANCELLED, "The client went away.") from error
    body = b"".join(parts)
    if "gzip" not in request.headers.get("content-encoding", "").lower():
        return body
    return await asyncio.get_running_loop().run_in_executor(_unfolding, decompress, body, decompressed_limit)


def decompress(body: bytes, limit: int = MAX_DECOMPRESSED_BYTES) -> bytes:
    """Return the content of a gzip body of bounded size.

    Raises:
        ServingError: HTTP 413: it is larger. INVALID_ARGUMENT: it is not gzip, or cut off.
    """
    # Once to look, a piece at a time: a body that is too large never takes up its memory.
    size = sum(map(len, _pieces(body, min(limit, max(_SMALL_BYTES, _MOST_TIMES * len(body))), limit)))
    return b"".join(_pieces(body, size, limit))


def _pieces(body: bytes, most: int, limit: int) -> Iterator[bytes]:
    decoder = zlib.decompressobj(_GZIP_WINDOW)
    size = 0
    for start in range(0, len(body), _PIECE_BYTES):
        packed = body[start : start + _PIECE_BYTES]
        while packed and not decoder.eof:
            piece = _decoded(decoder, packed)
            size += len(piece)
            if size > most:
                raise _bomb(most, limit)
            yield piece
            packed = decoder.unconsumed_tail
    if not decoder.eof:
        raise invalid("The body is not valid gzip: it ends too early.")


def _decoded(decoder: Any, packed: bytes) -> bytes:
    try:
        return bytes(decoder.decompress(packed, _PIECE_BYTES))
    except zlib.error as error:
        raise invalid(f"The body is not valid gzip: {error}.") from error


def _bomb(most: int, limit: int) -> ServingError:
    if most == limit:
        return too_large(f"The decompressed body is larger than {limit} bytes.")
    return too_large(f"The body is more than {_MOST_TIMES} times larger when it is decompressed.")


def _declared_length(request: Request) -> int:
    declared = request.headers.get("content-length", "")
    return int(declared) if declared.isdecimal() else 0


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise too_large(f"The request body is larger than {limit} bytes.")
