"""What several verbs make of their options."""

from __future__ import annotations

import argparse

from components.errors import InputError
from hparam.plan import SweepPlan
from pipelines.settings import Leaf, validate
from pipelines.stop_rule import stop_leaves


def overrides(arguments: argparse.Namespace) -> list[str]:
    """Return the `--set` values with those that have options of their own, which win."""
    own = {
        "data.source": arguments.data,
        "compute.workers": arguments.workers,
        "compute.parameter_servers": arguments.parameter_servers,
    }
    return [*arguments.set, *(f"{key}={value}" for key, value in own.items() if value is not None)]


def sweep_plan(arguments: argparse.Namespace) -> SweepPlan | None:
    """Return the sweep that `--sweep-trials` and its companions ask for; None when there is none.

    Raises:
        InputError: A value is wrong, or only the companions are there.
    """
    given: list[Leaf] = [
        (key, value, f"--{option} {value}")
        for key, option, value in (
            (("budget", "trials"), "sweep-trials", arguments.sweep_trials),
            (("budget", "parallel"), "sweep-parallel", arguments.sweep_parallel),
            (("metric",), "metric", arguments.metric),
        )
        if value is not None
    ]
    if arguments.stop is not None:
        given += stop_leaves(arguments.stop)
    if given and arguments.sweep_trials is None:
        raise InputError(
            f"`{given[0][2]}` is about a sweep, but there is none.", cure="Add --sweep-trials N."
        )
    return validate(SweepPlan, [given]) if given else None
