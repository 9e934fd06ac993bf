"""What several verbs make of their options."""

from __future__ import annotations

import argparse


def overrides(arguments: argparse.Namespace) -> list[str]:
    """Return the `--set` values with those that have options of their own, which win."""
    own = {
        "data.source": arguments.data,
        "compute.workers": arguments.workers,
        "compute.parameter_servers": arguments.parameter_servers,
    }
    return [*arguments.set, *(f"{key}={value}" for key, value in own.items() if value is not None)]
