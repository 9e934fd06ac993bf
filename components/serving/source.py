"""Watch a serving root: which versions of which models are on disk."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path

Versions = Mapping[int, Path]
Found = Mapping[str, Versions]

_MAX_VERSION = 2**63 - 1


def scan(root: Path) -> dict[str, dict[int, Path]]:
    """Return model name -> version -> folder for everything under `root`.

    A model is a folder with at least one folder whose name is a number; `0001` is version 1, and `1` wins
    over it. Hidden folders, links and any other name (a version that is still being written) are ignored.

    Raises:
        OSError: `root` cannot be read.
    """
    found = {}
    for folder in sorted(root.iterdir()):
        if _is_real_folder(folder) and (versions := _versions(folder)):
            found[folder.name] = versions
    return found


def _versions(folder: Path) -> dict[int, Path]:
    numbered = {}
    for child in sorted(folder.iterdir(), key=lambda child: (-len(child.name), child.name)):
        name = child.name
        if name.isascii() and name.isdecimal() and int(name) <= _MAX_VERSION and _is_real_folder(child):
            numbered[int(name)] = child
    return numbered


def _is_real_folder(path: Path) -> bool:
    return not path.name.startswith(".") and path.is_dir() and not path.is_symlink()


class Source:
    """Tell a listener what is on disk, again and again.

    Args:
        root: The serving root, `<root>/<model>/<version>/`; it may appear later.
        poll_seconds: Pause between two looks.
        listener: Gets every successful scan. When the root cannot be read nothing is told, so that a volume
            that is away for a moment unloads nothing.
    """

    def __init__(self, root: Path, poll_seconds: float, listener: Callable[[Found], object]) -> None:
        self._root = root
        self._poll_seconds = poll_seconds
        self._listener = listener
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="serving-source", daemon=True)

    def start(self) -> None:
        """Begin to watch, in a thread of its own; the first look comes after one pause."""
        self._thread.start()

    def poll(self) -> bool:
        """Look once; return whether the root could be read."""
        try:
            found = scan(self._root)
        except OSError:
            return False
        self._listener(found)
        return True

    def stop(self) -> None:
        """Stop watching; the listener is not called again."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def _watch(self) -> None:
        while not self._stopped.wait(self._poll_seconds):
            self.poll()
