"""Find the versions of models on disk, and look again from time to time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from .config import Config, ModelConfig, check_platforms
from .errors import Code, ServingError
from .policy import Policy

Versions = Mapping[int, Path]

_MAX_VERSION = 2**63 - 1


@dataclass(frozen=True)
class Target:
    """What one model should come to.

    Attributes:
        policy: Which versions are wanted.
        found: Version -> folder of what is on disk.
    """

    policy: Policy
    found: Versions


class Source(Protocol):
    """Where the models to serve are listed."""

    def models(self) -> tuple[ModelConfig, ...]:
        """Return the models that are served now, by the last configuration taken over."""

    def prepare(self, config: Config) -> Config:
        """Return what the server would serve with a new configuration; changes nothing.

        Raises:
            ServingError: The configuration cannot be taken over.
        """

    def use(self, prepared: Config) -> None:
        """Take over what `prepare` returned."""

    def scan(self) -> dict[str, Target]:
        """Return model -> what it should come to, from the disk as it is now.

        Raises:
            ServingError: A model's folder cannot be read; says which.
        """


class ConfigSource:
    """Serve what a configuration lists, each model from a folder of its own."""

    def __init__(self) -> None:
        self._config = Config(())

    def models(self) -> tuple[ModelConfig, ...]:
        """Return the models that are served now, by the last configuration taken over."""
        return self._config.models

    def prepare(self, config: Config) -> Config:
        """Return the configuration itself.

        Raises:
            ServingError: INVALID_ARGUMENT: a model would change its platform.
        """
        check_platforms(self._config.models, config.models)
        return config

    def use(self, prepared: Config) -> None:
        """Take over what `prepare` returned."""
        self._config = prepared

    def scan(self) -> dict[str, Target]:
        """Return every configured model with its versions on disk.

        Raises:
            ServingError: NOT_FOUND: the folder of one is missing. All of them are left as they are then, so
                that a volume that is away for a moment unloads nothing.
        """
        found = {}
        for model in self._config.models:
            try:
                found[model.name] = Target(model.policy, versions_in(model.base_path))
            except OSError as error:
                raise ServingError(
                    Code.NOT_FOUND, f"Could not find base path {model.base_path} for servable {model.name}"
                ) from error
        return found


def versions_in(folder: Path) -> dict[int, Path]:
    """Return version -> folder for every folder whose name is a number; `0001` is version 1.

    `1` wins over `0001`. Hidden folders, links and any other name (a version that is still being written)
    are ignored.

    Raises:
        OSError: `folder` cannot be read.
    """
    numbered = {}
    for child in sorted(folder.iterdir(), key=lambda child: (-len(child.name), child.name)):
        name = child.name
        if name.isascii() and name.isdecimal() and int(name) <= _MAX_VERSION and is_real_folder(child):
            numbered[int(name)] = child
    return numbered


def is_real_folder(path: Path) -> bool:
    """Return whether `path` is a folder, neither hidden nor a link."""
    return not path.name.startswith(".") and path.is_dir() and not path.is_symlink()


class Watch:
    """Call something again and again, in a thread of its own.

    Args:
        seconds: Pause between two calls; 0 or less for no call at all.
        look: What to call; it must not raise.
    """

    def __init__(self, seconds: float, look: Callable[[], object]) -> None:
        self._seconds = seconds
        self._look = look
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="serving-watch", daemon=True)

    def start(self) -> None:
        """Begin; the first call comes after one pause."""
        if self._seconds > 0:
            self._thread.start()

    def stop(self) -> None:
        """End; nothing is called any more once this returns."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(self._seconds):
            self._look()
