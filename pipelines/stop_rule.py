"""The option `--stop RULE[:KEY=VALUE,...]`."""

from __future__ import annotations

import yaml

from components.errors import InputError
from pipelines.settings import Leaf


def stop_leaves(text: str) -> list[Leaf]:
    """Return what `--stop` says, as leaves of a sweep's plan; their values are not checked here.

    Raises:
        InputError: A detail is not `key=value`.
    """
    rule, _, details = text.partition(":")
    origin = f"--stop {text}"
    leaves: list[Leaf] = [(("stopping", "rule"), rule, origin)]
    for detail in details.split(",") if details else ():
        key, equals, value = detail.partition("=")
        if not equals or not key or not value:
            raise InputError(
                f"`{detail}` is not key=value.", source=origin, cure="E.g. --stop median:warmup=20,startup=3."
            )
        leaves.append((("stopping", key.strip()), yaml.safe_load(value), origin))
    return leaves
