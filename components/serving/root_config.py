"""Root mode: every folder below a serving root is a model, and a file pins the versions of some.

A family without an entry in the file follows its newest good version: when that cannot be loaded, the next
lower one is served. A family with an entry gets the versions of the entry and no others.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from components.errors import InputError

from .config import Config, ModelConfig, check_platforms
from .errors import Code, ServingError, invalid
from .policy import Policy
from .source import Target, is_real_folder, versions_in

NEWEST_GOOD = Policy(falls_back=True)

_STABLE, _CANARY, _PREVIOUS = "stable", "canary", "previous"


class RootSource:
    """Serve every model below a root.

    A configuration by request overrides the file for the models that it lists; the others are as the file
    says, and it is read again then.

    Args:
        root: The serving root, `<root>/<model>/<version>/`; it may appear later.
        deployments: The file of pinned versions; None or missing for none.

    Raises:
        InputError: The file cannot be understood.
    """

    def __init__(self, root: Path, deployments: Path | None) -> None:
        self._root = root
        self._deployments = deployments
        self._pinned = Config(tuple(pinned(root, deployments)))

    def models(self) -> tuple[ModelConfig, ...]:
        """Return the models whose versions are pinned, by the file or by request."""
        return self._pinned.models

    def prepare(self, config: Config) -> Config:
        """Return the pinned models with a configuration: its own, and those of the file that it leaves out.

        Raises:
            ServingError: INVALID_ARGUMENT: a base path is not below the root. FAILED_PRECONDITION: the file
                of pinned versions cannot be understood.
        """
        check_platforms(self._pinned.models, config.models)
        for model in config.models:
            if self._root.resolve() not in model.base_path.resolve().parents:
                raise invalid(
                    f"Expected model {model.name} to have a base path below {self._root};"
                    f" got base_path()={model.base_path}"
                )
        try:
            rest = {model.name: model for model in pinned(self._root, self._deployments)}
        except InputError as error:
            raise ServingError(Code.FAILED_PRECONDITION, str(error)) from error
        return Config(tuple({**rest, **config.by_name()}.values()))

    def use(self, prepared: Config) -> None:
        """Take over what `prepare` returned."""
        self._pinned = prepared

    def scan(self) -> dict[str, Target]:
        """Return every family's folder, and every pinned model, with its versions on disk.

        Raises:
            ServingError: NOT_FOUND: the root cannot be read.
        """
        try:
            folders = [folder for folder in sorted(self._root.iterdir()) if is_real_folder(folder)]
            families = {folder.name: Target(NEWEST_GOOD, versions_in(folder)) for folder in folders}
        except OSError as error:
            raise ServingError(Code.NOT_FOUND, f"Could not read the serving root {self._root}") from error
        targets = {name: target for name, target in families.items() if target.found}
        for model in self._pinned.models:
            targets[model.name] = Target(_policy(model), _versions(model.base_path))
        return targets


def pinned(root: Path, deployments: Path | None) -> list[ModelConfig]:
    """Return the models that a file of deployments pins.

    Raises:
        InputError: The file is there and cannot be understood.
    """
    if deployments is None or not deployments.exists():
        return []
    try:
        entries = json.loads(deployments.read_text(encoding="utf-8"))
        return [_pinned(root, family, entry) for family, entry in sorted(entries.items())]
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(
            f"Cannot read which versions are deployed: {type(error).__name__}: {error}.",
            source=str(deployments),
            cure="Mend the file, or remove it to serve the newest version of every family.",
        ) from error


def _pinned(root: Path, family: str, entry: Mapping[str, Any]) -> ModelConfig:
    labels = {_STABLE: int(entry[_STABLE])}
    if entry.get(_CANARY):
        labels[_CANARY] = int(entry[_CANARY]["version"])
    previous = entry.get(_PREVIOUS)
    versions = {*labels.values(), *([int(previous)] if previous is not None else [])}
    return ModelConfig(family, root / family, Policy("specific", versions=frozenset(versions)), labels)


def _policy(model: ModelConfig) -> Policy:
    return replace(model.policy, falls_back=True) if model.policy.kind == "latest" else model.policy


def _versions(folder: Path) -> dict[int, Path]:
    try:
        return versions_in(folder)
    except OSError:
        return {}
