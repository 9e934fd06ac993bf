"""Decide which versions of a model to load and unload next; pure, so that every rule can be tested alone."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Policy:
    """Which of the versions on disk are wanted.

    Attributes:
        kind: `latest`: the highest numbers; `all`: every one; `specific`: those listed.
        num_versions: How many `latest` wants; 0 counts as 1.
        versions: What `specific` wants.
        falls_back: A version that failed does not count, so that `latest` wants the next lower one.
    """

    kind: Literal["latest", "all", "specific"] = "latest"
    num_versions: int = 1
    versions: frozenset[int] = frozenset()
    falls_back: bool = False

    def choose(self, found: Collection[int]) -> list[int]:
        """Return the wanted ones of the versions on disk, highest first."""
        ordered = sorted(found, reverse=True)
        if self.kind == "latest":
            return ordered[: max(1, self.num_versions)]
        if self.kind == "specific":
            return [version for version in ordered if version in self.versions]
        return ordered

    def missing(self, found: Collection[int]) -> list[int]:
        """Return the versions that are listed and not on disk, lowest first."""
        return sorted(self.versions - set(found)) if self.kind == "specific" else []


@dataclass(frozen=True)
class Plan:
    """What to do next for one model.

    Attributes:
        load: Versions to load, in this order.
        unload: Versions that nobody wants and that are not needed as a stopgap.
        aspired: Versions that are wanted, loaded or not.
    """

    load: tuple[int, ...]
    unload: tuple[int, ...]
    aspired: frozenset[int]


def plan(
    policy: Policy,
    found: Collection[int],
    *,
    available: Collection[int],
    loading: Collection[int],
    failed: Collection[int],
) -> Plan:
    """Return what to do for a model so that it is never without a version that could serve.

    Nothing is unloaded before a wanted version is available, unless none is wanted at all: a version that
    fails to load leaves the old one serving.

    Args:
        policy: The versions wanted.
        found: The versions on disk.
        available: Those that serve now.
        loading: Those being loaded.
        failed: Those that could not be loaded; not tried again.
    """
    wanted = policy.choose(found)
    if policy.falls_back:
        wanted = policy.choose([version for version in found if version not in failed]) or wanted
    load = [version for version in wanted if version not in {*available, *loading, *failed}]
    spare = sorted(set(available) - set(wanted))
    replaced = not wanted or any(version in available for version in wanted)
    return Plan(tuple(load), tuple(spare) if replaced else (), frozenset(wanted))
