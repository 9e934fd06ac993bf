"""What is deployed of a family, and the changes that it may go through; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from components.errors import InputError

STABLE, CANARY = "stable", "canary"


class Condition(str, Enum):
    """How far a deployment is, in KServe's words."""

    UP_TO_DATE = "UpToDate"
    IN_PROGRESS = "InProgress"
    BLOCKED = "BlockedByFailedLoad"
    INVALID = "InvalidSpec"


@dataclass(frozen=True)
class Canary:
    """A version that gets a part of the requests.

    Attributes:
        version: The version.
        percent: Its share of the requests, 0 to 100.
    """

    version: int
    percent: int


@dataclass(frozen=True)
class Deployment:
    """What is deployed of a family; without one it follows the newest pushed version.

    What serves is always `stable`, `canary` and `previous`, whatever the state: a version that is being
    loaded, or could not be, is not among them.

    Attributes:
        stable: The version that carries the label `stable`.
        canary: The version that carries the label `canary`.
        previous: The stable version before; it stays loaded, so that a rollback only moves a label.
        revision: Counts the changes; who changes a deployment names the revision that was read.
        state: How far the last change is.
        reason: Why it is no further.
        loading: The version that is being loaded.
    """

    stable: int
    canary: Canary | None = None
    previous: int | None = None
    revision: int = 0
    state: Condition = Condition.UP_TO_DATE
    reason: str = ""
    loading: int | None = None

    @property
    def versions(self) -> tuple[int, ...]:
        """Return the versions that are to be loaded, ascending."""
        canary = self.canary.version if self.canary else None
        return tuple(sorted({v for v in (self.stable, canary, self.previous) if v is not None}))

    @property
    def labels(self) -> dict[str, int]:
        """Return label -> version."""
        return {STABLE: self.stable, **({CANARY: self.canary.version} if self.canary else {})}

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        canary = {"version": self.canary.version, "percent": self.canary.percent} if self.canary else None
        return {
            "stable": self.stable,
            "canary": canary,
            "previous": self.previous,
            "revision": self.revision,
            "state": self.state.value,
            "reason": self.reason,
            "loading": self.loading,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Deployment:
        """Return the deployment that `as_json` made the value of.

        Raises:
            ValueError: It is not one; the message says what is wrong.
        """
        canary = value.get("canary")
        return cls(
            stable=_version(value, "stable"),
            canary=Canary(_version(canary, "version"), _percent(canary)) if canary is not None else None,
            previous=_optional(value, "previous"),
            revision=_whole(value, "revision", 0),
            state=Condition(value.get("state", Condition.UP_TO_DATE.value)),
            reason=str(value.get("reason", "")),
            loading=_optional(value, "loading"),
        )


def begun(before: Deployment, loading: int | None) -> Deployment:
    """Return the deployment while a change is on its way: it serves what it served."""
    reason = f"Version {loading} is being loaded." if loading is not None else "Labels are being moved."
    return replace(before, state=Condition.IN_PROGRESS, reason=reason, loading=loading)


def deployed(before: Deployment | None, version: int) -> Deployment:
    """Return the deployment with `version` as stable, without a canary; the version before stays loaded."""
    if before is None:
        return Deployment(version)
    return _moved(before, version)


def canaried(before: Deployment | None, version: int, percent: int) -> Deployment:
    """Return the deployment with a part of the requests for `version`.

    Raises:
        InputError: The percentage is none, or there is no other version to compare with.
    """
    if percent not in range(101):
        raise InputError(f"`--canary {percent}` is no percentage.", cure="Give a number from 0 to 100.")
    if before is None:
        raise InputError(
            f"Version {version} cannot be a canary: no other version serves.",
            cure="Deploy it without --canary.",
        )
    if before.stable == version:
        raise InputError(
            f"Version {version} is the stable version already.", cure="Choose another one with --version."
        )
    return _settled(before, canary=Canary(version, percent))


def promoted(before: Deployment | None) -> Deployment:
    """Return the deployment with the canary as stable.

    Raises:
        InputError: There is no canary.
    """
    if before is None or before.canary is None:
        raise InputError(
            "There is no canary to promote.", cure="Deploy one first: `lodestar deploy FAMILY --canary 10`."
        )
    return _moved(before, before.canary.version)


def rolled_back(before: Deployment | None, to: int | None = None) -> Deployment:
    """Return the deployment one step back, or with `to` as stable.

    One step back is: the change that is on its way is given up; else the canary ends; else the stable version
    before is stable again. The version that was left is not kept loaded.

    Raises:
        InputError: There is nothing to go back to.
    """
    if before is None:
        raise InputError(
            "The family is not deployed: it follows the newest pushed version.",
            cure="Pin a version with `lodestar deploy FAMILY --version V`.",
        )
    if to is not None and to != before.stable:
        return _settled(before, stable=to, canary=None, previous=None)
    if to is None and before.state is Condition.IN_PROGRESS:
        return _settled(before)
    if to is not None or before.canary is not None:
        return _settled(before, canary=None)
    if before.previous is None:
        raise InputError(
            f"There is no version to go back to from version {before.stable}.",
            cure="Name one: `lodestar rollback FAMILY --to V`; `lodestar history FAMILY` lists them.",
        )
    return _settled(before, stable=before.previous, previous=None)


def blocked(before: Deployment, reason: str) -> Deployment:
    """Return the deployment after a version could not be loaded: it serves what it served."""
    return replace(before, state=Condition.BLOCKED, reason=reason, loading=None)


def invalid(before: Deployment, reason: str) -> Deployment:
    """Return the deployment after something was asked for that is not there: it serves what it served."""
    return replace(before, state=Condition.INVALID, reason=reason, loading=None)


def _moved(before: Deployment, version: int) -> Deployment:
    previous = before.previous if version == before.stable else before.stable
    return _settled(before, stable=version, canary=None, previous=previous)


def _settled(before: Deployment, **changes: Any) -> Deployment:
    return replace(before, **{"state": Condition.UP_TO_DATE, "reason": "", "loading": None, **changes})


def _whole(value: Mapping[str, Any], key: str, least: int) -> int:
    number = value.get(key)
    if not isinstance(number, int) or isinstance(number, bool) or number < least:
        raise ValueError(f"`{key}` is {number!r}, not a number from {least} on")
    return number


def _version(value: Mapping[str, Any], key: str) -> int:
    if not isinstance(value, Mapping):
        raise ValueError(f"`{key}` belongs into a block, not into {value!r}")
    return _whole(value, key, 1)


def _optional(value: Mapping[str, Any], key: str) -> int | None:
    return None if value.get(key) is None else _version(value, key)


def _percent(value: Mapping[str, Any]) -> int:
    percent = _whole(value, "percent", 0)
    if percent > 100:
        raise ValueError(f"`percent` is {percent}, more than 100")
    return percent
