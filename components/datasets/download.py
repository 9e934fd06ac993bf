"""Download one file over HTTP, going on where an interrupted download stopped."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import requests

from components.datasets.checksums import check_file
from components.errors import InputError

Progress = Callable[[int, int | None], None]

_CHUNK = 1 << 16
_TIMEOUT = (10, 60)
_ATTEMPTS = 3


def download(url: str, to: Path, sha256: str, progress: Progress, pause: float = 1.0) -> Path:
    """Download `url` to `to` and return it.

    Until it is complete and its checksum right, the file is called `<to>.part`. A second call goes on with
    what is there; when the server does not, or the checksum turns out wrong, it begins anew.

    Args:
        url: An http or https address.
        to: The file; its folder must exist.
        sha256: What it must contain.
        progress: Called with the bytes that are there and the total, None when the server does not say.
        pause: Seconds before the connection is tried again after it broke; doubled each time.

    Raises:
        InputError: The address does not answer with the file, the connection keeps breaking (what is there is
            kept), or the checksum is wrong (nothing is kept).
    """
    part = to.with_name(f"{to.name}.part")
    for attempt in range(_ATTEMPTS):
        try:
            _receive(url, part, progress)
            break
        except requests.HTTPError as error:
            raise InputError(f"`{url}` answers {error.response.status_code}.", cure=_CURE_ADDRESS) from error
        except requests.RequestException as error:
            if attempt == _ATTEMPTS - 1:
                raise _interrupted(url, part, error) from error
            time.sleep(pause * 2**attempt)
    _accept(part, to, url, sha256)
    return to


_CURE_ADDRESS = "Try later, or set LODESTAR_DATA_MIRROR to a folder that has the file."


def _receive(url: str, part: Path, progress: Progress) -> None:
    there = part.stat().st_size if part.exists() else 0
    # Compressed transfer would make byte positions mean something else.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={there}-"} if there else {})
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
        if there and response.status_code == requests.codes.requested_range_not_satisfiable:
            return  # Nothing comes after what is there: it is complete, or the checksum will tell.
        response.raise_for_status()
        partial = response.status_code == requests.codes.partial_content
        if partial and not _continues_at(response, there):
            part.unlink()
            raise requests.ConnectionError(f"asked for bytes from {there}, got others")
        start = there if partial else 0
        length = response.headers.get("Content-Length")
        total = start + int(length) if length else None
        with part.open("ab" if start else "wb") as file:
            for chunk in response.iter_content(_CHUNK):
                file.write(chunk)
                progress(file.tell(), total)
            received = file.tell()
    if total is not None and received < total:
        # urllib3 1 takes an early end of the body for its end.
        raise requests.ConnectionError(f"closed after {received} of {total} bytes")


def _continues_at(response: requests.Response, there: int) -> bool:
    match = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return match is not None and int(match[1]) == there


def _interrupted(url: str, part: Path, error: requests.RequestException) -> InputError:
    kept = part.stat().st_size if part.exists() else 0
    reason = type(error).__name__
    return InputError(
        f"The download of `{url}` was interrupted after {kept:,} bytes ({reason}).",
        cure="Run the same command again: it goes on from there.",
    )


def _accept(part: Path, to: Path, url: str, sha256: str) -> None:
    try:
        check_file(part, sha256, f"Run the same command again; if it repeats, `{url}` has other content now.")
    except InputError as error:
        part.unlink(missing_ok=True)
        raise InputError(error.problem, cure=error.cure, source=str(to)) from None
    part.replace(to)
