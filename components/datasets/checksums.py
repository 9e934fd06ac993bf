"""sha256 of files, and the list of them that a fetched data set carries."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from components.errors import InputError

SUMS = "SHA256SUMS"
_CHUNK = 1 << 20


def sha256_of(path: Path) -> str:
    """Return the sha256 of the file's bytes as 64 hex digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def check_file(path: Path, expected: str, cure: str) -> None:
    """Return when the file's sha256 is `expected`.

    Raises:
        InputError: It is another, or there is no such file.
    """
    if not path.is_file():
        raise InputError("The file is missing.", cure=cure, source=str(path))
    got = sha256_of(path)
    if got != expected:
        raise InputError(
            f"Wrong checksum: expected sha256 {expected}, got {got}.", cure=cure, source=str(path)
        )


def write_sums(folder: Path) -> None:
    """Write `SHA256SUMS`, in sha256sum's format, of every other file under `folder`."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != SUMS)
    lines = [f"{sha256_of(path)}  {path.relative_to(folder).as_posix()}\n" for path in paths]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def read_sums(folder: Path) -> Mapping[str, str]:
    """Return name -> sha256 of `folder`'s `SHA256SUMS`; empty when it has none."""
    path = folder / SUMS
    if not path.is_file():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
