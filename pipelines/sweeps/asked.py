"""From the options of `lodestar sweep` to what is searched."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence

from components.errors import InputError
from hparam.plan import SweepPlan
from pipelines.settings import Leaf, validate
from pipelines.stop_rule import stop_leaves

_TIME = re.compile(r"(\d+(?:\.\d+)?)([smh]?)")
_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
_LONGEST = 40
# Option -> where it goes in a plan.
_OPTIONS = {
    "name": ("name",),
    "metric": ("metric",),
    "trials": ("budget", "trials"),
    "parallel": ("budget", "parallel"),
    "target": ("budget", "target"),
    "max_failures": ("budget", "failures"),
    "wall_time": ("budget", "wall_seconds"),
    "retries": ("budget", "retries"),
    "surrogate": ("optimizer", "surrogate"),
    "running": ("optimizer", "running"),
    "initial": ("optimizer", "initial"),
    "seed": ("seed",),
}
_CHANGEABLE = ("name", "trials", "parallel")
_CLUSTER_ONLY = {"watch": False, "image": "", "experiment": None}


def plan_of(arguments: argparse.Namespace) -> SweepPlan:
    """Return the sweep that the options of `start` describe.

    Raises:
        InputError: Some are wrong; the message lists every error.
    """
    leaves: list[Leaf] = []
    for option, key in _OPTIONS.items():
        value = getattr(arguments, option)
        if value is not None:
            origin = f"--{option.replace('_', '-')} {value}"
            leaves.append((key, seconds(value) if option == "wall_time" else value, origin))
    if arguments.stop is not None:
        leaves += stop_leaves(arguments.stop)
    return validate(SweepPlan, [leaves])


def refuse_new_questions(arguments: argparse.Namespace) -> None:
    """Refuse options that would change what a sweep is about when it goes on.

    Raises:
        InputError: There is one.
    """
    given = [option for option in (*_OPTIONS, "stop") if getattr(arguments, option) is not None]
    wrong = [option for option in given if option not in _CHANGEABLE]
    if wrong or arguments.set or arguments.config or arguments.data:
        what = f"--{wrong[0].replace('_', '-')}" if wrong else "other settings"
        raise InputError(
            f"A sweep that goes on cannot take {what}: its journal says what is searched.",
            cure="Only --trials and --parallel can change; start another sweep for the rest.",
        )


def refuse_cluster_options(arguments: argparse.Namespace) -> None:
    """Refuse options that mean nothing to a sweep on this machine.

    Raises:
        InputError: There is one.
    """
    for option, absent in _CLUSTER_ONLY.items():
        if getattr(arguments, option) != absent:
            raise InputError(f"--{option} is about a sweep on a cluster.", cure="Add --on cluster.")


def seconds(text: str) -> float:
    """Return a duration in seconds: `90`, `90s`, `45m` or `12h`.

    Raises:
        InputError: It is none.
    """
    match = _TIME.fullmatch(text)
    if not match:
        raise InputError(f"`{text}` is no duration.", source="--wall-time", cure="E.g. 90, 45m or 12h.")
    return float(match[1]) * _SECONDS[match[2]]


def free_name(family: str, taken: Sequence[str]) -> str:
    """Return a name for a sweep that is not taken: the family's and a number."""
    number = 1
    while True:
        end = f"-{number}"
        name = family[: _LONGEST - len(end)].rstrip("-") + end
        if name not in taken:
            return name
        number += 1


def short_name(run: str) -> str:
    """Return a sweep's name that says which run it belongs to: the end of the run's name is its own."""
    *family, day, second, digits = run.split("-")
    end = f"-{day[4:]}{second[:4]}-{digits}"
    return "-".join(family)[: _LONGEST - len(end)].rstrip("-") + end
