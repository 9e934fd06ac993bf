"""Unpack zip and tar archives without trusting the names in them."""

from __future__ import annotations

import shutil
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from components.errors import InputError

_Member = tuple[str, IO[bytes]]


def unpack(archive: Path, inside: str, wanted: frozenset[str], into: Path) -> None:
    """Write the files in folder `inside` of `archive` under `into`.

    Args:
        archive: A zip or tar file, compressed or not.
        inside: Folder in the archive; "" is the top.
        wanted: Names relative to `inside` to write; empty: all.
        into: Folder to write under.

    Raises:
        InputError: The archive cannot be read, or has a link or a name that leads outside; nothing of that
            member is written.
    """
    try:
        for name, content in _members(archive):
            target = _relative(name, inside)
            if target and (not wanted or target in wanted):
                path = into / target
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("wb") as file:
                    shutil.copyfileobj(content, file)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
        problem = f"The archive cannot be read: {error}."
        raise InputError(problem, cure="Fetch it again.", source=str(archive)) from error


def _members(archive: Path) -> Iterator[_Member]:
    return _zip_members(archive) if zipfile.is_zipfile(archive) else _tar_members(archive)


def _zip_members(archive: Path) -> Iterator[_Member]:
    with zipfile.ZipFile(archive) as opened:
        for info in opened.infolist():
            if stat.S_ISLNK(info.external_attr >> 16):
                raise _refused(archive, info.filename, "is a link")
            if not info.is_dir():
                with opened.open(info) as content:
                    yield _checked(archive, info.filename), content


def _tar_members(archive: Path) -> Iterator[_Member]:
    with tarfile.open(archive) as opened:
        for info in opened:
            if not (info.isfile() or info.isdir()):
                raise _refused(archive, info.name, "is neither a file nor a folder")
            content = opened.extractfile(info)
            if content:
                yield _checked(archive, info.name), content


def _checked(archive: Path, name: str) -> str:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        raise _refused(archive, name, "leads outside the folder")
    return path.as_posix()


def _relative(name: str, inside: str) -> str:
    return name.removeprefix(f"{inside}/") if not inside or name.startswith(f"{inside}/") else ""


def _refused(archive: Path, name: str, why: str) -> InputError:
    cure = "Do not use this archive; fetch it from its publisher."
    return InputError(f"Member `{name}` {why}.", cure=cure, source=str(archive))
