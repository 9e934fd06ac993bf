"""The command that trains with the settings of a trial."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import yaml

from components.family import find_family
from hparam.spec import SweepSpec


def training_command(spec: SweepSpec, params: Mapping[str, Any]) -> str:
    """Return the shell command that runs the family's pipeline with a trial's settings.

    Args:
        spec: Of the sweep; its base settings are spelled out where they are not the family's defaults.
        params: The trial's point.
    """
    own = _differences(spec.settings, _defaults(spec.family))
    chosen = {**dict(own), **params}
    options = (f"--set {shlex.quote(f'{name}={_yaml(value)}')}" for name, value in chosen.items())
    return " ".join(("lodestar run", spec.family, *options))


@lru_cache
def _defaults(name: str) -> Mapping[str, Any]:
    family = find_family(name)
    text = (family.folder / "config.yaml").read_text(encoding="utf-8")
    return family.settings.model_validate(yaml.safe_load(text)).model_dump(mode="json")


def _differences(
    settings: Mapping[str, Any], defaults: Mapping[str, Any], path: tuple[str, ...] = ()
) -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        default = defaults.get(key)
        if not path and key == "search":
            continue
        if isinstance(value, Mapping) and isinstance(default, Mapping):
            yield from _differences(value, default, (*path, key))
        elif value != default:
            yield ".".join((*path, key)), value


def _yaml(value: Any) -> str:
    # Not JSON: YAML reads 1e-05 as a word.
    text = yaml.safe_dump(value, default_flow_style=True, width=float("inf"), allow_unicode=True)
    return text.removesuffix("...\n").strip()
