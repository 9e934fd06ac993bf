"""The best settings of a sweep, for `lodestar run FAMILY --from-sweep NAME`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from components.errors import InputError, LodestarError
from components.family import Family
from components.home import Home
from hparam.journal import read_journal
from pipelines.settings import Key, Leaf
from pipelines.sweeps.places import Here

# A sweep's space is of no account for training.
_LEFT_OUT = {"search"}


def best_of(name: str, family: Family, home: Home) -> list[Leaf]:
    """Return the settings of a sweep's best trial: those that it was started with, and the point.

    Of a sweep that still goes on it is the best so far.

    Raises:
        InputError: There is no such sweep, or it is another family's.
        LodestarError: None of its trials has succeeded.
    """
    sweep = read_journal(Here(home).folder(name).journal)
    if sweep.spec.family != family.name:
        raise InputError(
            f"The sweep `{name}` is of {sweep.spec.family}, not of {family.name}.",
            source="--from-sweep",
            cure=f"`lodestar run {sweep.spec.family} --from-sweep {name}`.",
        )
    best = sweep.best
    if best is None:
        raise LodestarError(
            f"No trial of the sweep `{name}` has succeeded{'' if sweep.ended else ' yet'}.",
            cure=f"`lodestar sweep status {name}` says how they stand.",
        )
    origin = f"sweep {name}, trial {best.number}"
    settings = [leaf for leaf in _leaves(sweep.spec.settings, (), origin) if leaf[0][0] not in _LEFT_OUT]
    return [*settings, *((tuple(dotted.split(".")), value, origin) for dotted, value in best.params.items())]


def _leaves(block: Mapping[str, Any], prefix: Key, origin: str) -> Iterator[Leaf]:
    for name, value in block.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, (*prefix, name), origin)
        else:
            yield (*prefix, name), value, origin
