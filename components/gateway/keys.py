"""API keys: a file of names and sha256 hashes, one `name:hash` per line."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
from pathlib import Path

from components.errors import InputError

_LINE = re.compile(r"([A-Za-z0-9._-]{1,64}):([0-9a-f]{64})")
_PREFIX = "lsk_"


class Keys:
    """The keys that are accepted; the file is read again when it changes.

    Args:
        path: The file.

    Raises:
        InputError: It cannot be read, or a line is not `name:hash`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._mark = _mark(path)
        self._hashes = _read(path)

    def name_of(self, key: str) -> str | None:
        """Return whose key it is; None when nobody's. Takes as long for a wrong key as for a right one."""
        digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
        found = None
        for name, known in self._current().items():
            if hmac.compare_digest(known, digest):
                found = name
        return found

    def _current(self) -> dict[str, str]:
        with self._lock:
            try:
                mark = _mark(self._path)
                if mark != self._mark:
                    self._hashes, self._mark = _read(self._path), mark
            except (InputError, OSError):
                # A file that is being replaced must lock nobody out, and nobody in.
                pass
            return self._hashes


def add_key(path: Path, name: str) -> str:
    """Append a new key for `name` to the file, made if missing, and return the key: it is kept nowhere.

    Raises:
        InputError: The name is none, or has a key already.
    """
    if not _LINE.fullmatch(f"{name}:{'0' * 64}"):
        raise InputError(f"`{name}` is no name of a key.", cure="Use letters, digits, `.`, `_` and `-`.")
    if path.exists() and name in _read(path):
        raise InputError(
            f"`{name}` has a key in {path}.", cure="Remove its line first, or take another name."
        )
    key = _PREFIX + secrets.token_urlsafe(32)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{name}:{hashlib.sha256(key.encode()).hexdigest()}\n")
    return key


def _mark(path: Path) -> tuple[int, int, int]:
    try:
        stat = path.stat()
    except OSError as error:
        raise InputError(
            f"Cannot read the API keys: {error.strerror}.", source=str(path), cure="Check `--api-keys`."
        ) from error
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _read(path: Path) -> dict[str, str]:
    hashes = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise InputError(
                "This line is not `name:sha256 of the key`.",
                source=str(path),
                line=number,
                cure="Make keys with `lodestar gateway --api-keys FILE --add-key NAME`.",
            )
        hashes[match[1]] = match[2]
    return hashes
