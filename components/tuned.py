"""Settings that a sweep chose, in place of those that a node was given."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any


def with_chosen(settings: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of nested settings with dotted ones replaced.

    Args:
        settings: Sections of settings as JSON values.
        chosen: Dotted setting -> value, e.g. `{"train.learning_rate": 0.01}`.
    """
    result = copy.deepcopy(dict(settings))
    for name, value in chosen.items():
        *path, last = name.split(".")
        block = result
        for part in path:
            block = block[part]
        block[last] = copy.deepcopy(value)
    return result


def settings_of(fn_args: Any) -> dict[str, Any]:
    """Return the sections of settings that `run_fn` trains with: its node's, with what a sweep chose put in.

    Args:
        fn_args: TFX's FnArgs; `custom_config["settings"]` is JSON, `hyperparameters` has dotted
            settings that take the place of those.
    """
    return with_chosen(json.loads(fn_args.custom_config["settings"]), fn_args.hyperparameters or {})


def read_chosen(uri: str) -> dict[str, Any]:
    """Return the settings in an artifact of the type HyperParameters: the only file there, JSON."""
    # Whoever only puts settings together does without TFX.
    from tfx.dsl.io import fileio

    [name] = fileio.listdir(uri)
    with fileio.open(f"{uri}/{name}") as file:
        return dict(json.load(file))
