"""Publish a model version so that nobody ever sees half of it.

A version is written aside (a hidden folder next to its destination), described by a manifest of sha256 sums,
and renamed to its number. `rename` is atomic on one file system and fails when the number is taken, so
numbers are unique and grow by one however many processes publish at once.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from components.durable import sync
from components.errors import InputError, LodestarError
from components.home import is_uri

MANIFEST = "MANIFEST.sha256"
PROVENANCE = "lodestar.json"
HISTORY = "history.jsonl"
_STAGING = ".staging-"
_STALE_SECONDS = 24 * 3600
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_TAKEN = (errno.ENOTEMPTY, errno.EEXIST)


def versions(model_root: Path) -> list[int]:
    """Return the published version numbers under `model_root`, ascending."""
    if not model_root.is_dir():
        return []
    folders = (entry for entry in model_root.iterdir() if entry.name.isdecimal() and entry.is_dir())
    return sorted(int(folder.name) for folder in folders)


def history(model_root: Path) -> list[dict[str, Any]]:
    """Return the provenance of every version ever published here, oldest first, removed ones too."""
    path = model_root / HISTORY
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.endswith("}")]


def provenance(version: Path) -> dict[str, Any]:
    """Return where a published version came from.

    Raises:
        LodestarError: The version has no readable `lodestar.json`.
    """
    path = version / PROVENANCE
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise LodestarError(
            f"Cannot read the version's provenance: {error}.",
            source=str(path),
            cure="Remove this version's folder; the previous one is served.",
        ) from error


def publish(
    source: Path | str,
    model_root: Path,
    about: Mapping[str, Any],
    check: Callable[[Path], None] = lambda folder: None,
) -> Path:
    """Copy `source` to the next version under `model_root` and return the version's folder.

    Publishing the same source twice gives two versions. On any failure nothing becomes visible and the
    next call starts afresh.

    Args:
        source: An exported SavedModel: a folder, or the URI of one in an object store.
        model_root: `<serving root>/<model name>`; made if missing.
        about: Provenance, written to `lodestar.json` together with the version number.
        check: Raises for a copied model that must not be published.

    Raises:
        InputError: The disk is full.
        LodestarError: It cannot be written, or `check` refuses it.
    """
    try:
        model_root.mkdir(parents=True, exist_ok=True)
        _remove_stale(model_root)
        staging = model_root / f"{_STAGING}{int(time.time())}-{uuid.uuid4().hex}"
        try:
            _copy(str(source), staging)
            check(staging)
            return _number(staging, model_root, about)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    except (OSError, shutil.Error) as error:
        raise _explained(error, model_root) from error


def verify(version: Path) -> None:
    """Check every file of a published version against its manifest.

    Raises:
        LodestarError: A file is missing, changed, extra or a link, or there is no manifest.
    """
    listed = _read_manifest(version)
    found = set(_files(version)) - {MANIFEST}
    for name in sorted(found ^ set(listed)):
        problem = "is not in the manifest" if name in found else "is in the manifest but missing"
        raise _refused(version, f"`{name}` {problem}")
    for name, expected in listed.items():
        actual = _sha256(version / name)
        if actual != expected:
            raise _refused(version, f"`{name}` has sha256 {actual}, the manifest says {expected}")


def _copy(source: str, staging: Path) -> None:
    if not is_uri(source):
        shutil.copytree(source, staging)
        return
    # Imported here: who only looks for versions must not wait for TensorFlow.
    from components.object_store import download

    download(source, staging)


def _number(staging: Path, model_root: Path, about: Mapping[str, Any]) -> Path:
    # The history keeps a number from coming back after its folder was removed.
    used = [*versions(model_root), *(int(entry["version"]) for entry in history(model_root))]
    number = max(used, default=0) + 1
    while True:
        entry = {**about, "version": number}
        text = json.dumps(entry, indent=2, sort_keys=True)
        (staging / PROVENANCE).write_text(text + "\n", encoding="utf-8")
        _write_manifest(staging)
        target = model_root / str(number)
        try:
            staging.rename(target)
        except OSError as error:
            if error.errno not in _TAKEN:
                raise
            number += 1
            continue
        sync(model_root)
        with (model_root / HISTORY).open("a", encoding="utf-8") as log:
            log.write(json.dumps(entry, sort_keys=True) + "\n")
        return target


def _write_manifest(folder: Path) -> None:
    names = sorted(set(_files(folder)) - {MANIFEST})
    lines = [f"{_sha256(folder / name)}  {name}\n" for name in names]
    (folder / MANIFEST).write_text("".join(lines), encoding="utf-8")
    # The rename must not reach the disk before the bytes do.
    for name in [*names, MANIFEST]:
        sync(folder / name)
    sync(folder)


def _read_manifest(version: Path) -> dict[str, str]:
    path = version / MANIFEST
    if not path.is_file():
        raise _refused(version, f"it has no {MANIFEST}")
    listed = {}
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        digest, _, name = line.partition("  ")
        if len(digest) != 64 or not name:
            raise _refused(version, f"line {number} of {MANIFEST} is not `sha256  name`")
        listed[name] = digest
    return listed


def _files(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        if path.is_symlink():
            raise _refused(folder, f"`{path.relative_to(folder)}` is a link")
        if path.is_file():
            yield path.relative_to(folder).as_posix()
        elif not path.is_dir():
            raise _refused(folder, f"`{path.relative_to(folder)}` is neither a file nor a folder")


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def _remove_stale(model_root: Path) -> None:
    # A killed publisher leaves its folder behind; a day is longer than any copy that still runs. The name
    # tells the age: the folder's own times are those of the source, and it may vanish while we look.
    for entry in model_root.glob(f"{_STAGING}*"):
        started = entry.name.removeprefix(_STAGING).partition("-")[0]
        if started.isdecimal() and time.time() - int(started) > _STALE_SECONDS:
            shutil.rmtree(entry, ignore_errors=True)


def _refused(version: Path, why: str) -> LodestarError:
    return LodestarError(
        f"Version {version.name} of `{version.parent.name}` is refused: {why}.",
        source=str(version),
        cure="Remove the folder and push again.",
    )


def _explained(error: OSError | shutil.Error, model_root: Path) -> LodestarError:
    code = error.errno
    # copytree gathers the errors of single files in one, which carries no number.
    if code in _NO_SPACE or any(os.strerror(number) in str(error) for number in _NO_SPACE):
        return InputError(
            "The disk is full: the model was not published, and no version is visible that was not before.",
            source=str(model_root),
            cure="Free some space and run the same command again.",
        )
    return LodestarError(
        f"Cannot publish the model: {error}.",
        source=str(model_root),
        cure="Check the folder's permissions and run the same command again.",
    )
