"""How a deployment really is: what is kept of it, held against what the servers say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from components.deployment.fleet import Fleet, Gone, ModelServer
from components.deployment.history import Change
from components.deployment.state import CANARY, STABLE, Condition, Deployment
from components.errors import LodestarError
from components.serving.status import State, VersionStatus


@dataclass(frozen=True)
class Server:
    """What one model server says of a family.

    Attributes:
        name: Which server.
        versions: Version -> state.
        labels: Label -> version.
        silent: Why it does not answer; empty when it does.
    """

    name: str
    versions: dict[int, VersionStatus]
    labels: dict[str, int]
    silent: str = ""

    @property
    def serving(self) -> list[int]:
        """Return the versions that answer, ascending."""
        return sorted(v for v, status in self.versions.items() if status.state is State.AVAILABLE)


@dataclass(frozen=True)
class Health:
    """How a family's deployment is.

    Attributes:
        family: Which family.
        deployment: What is kept; None when it follows the newest version.
        condition: How far it is.
        reason: Why it is no further.
        pushed: The pushed versions, ascending; empty where they are out of reach.
        servers: What each server says; empty when none runs.
    """

    family: str
    deployment: Deployment | None
    condition: Condition
    reason: str
    pushed: tuple[int, ...]
    servers: tuple[Server, ...]

    @property
    def exit_code(self) -> int:
        """Return 0 when all is well, 1 when a version does not load, 2 when it is not there, 3 on the way."""
        codes = {
            Condition.UP_TO_DATE: 0,
            Condition.BLOCKED: 1,
            Condition.INVALID: 2,
            Condition.IN_PROGRESS: 3,
        }
        return codes[self.condition]


def examine(
    family: str,
    deployment: Deployment | None,
    fleet: Fleet | None,
    changes: Sequence[Change],
    pushed: Sequence[int] | None,
) -> Health:
    """Ask the servers, and return how the deployment is.

    Args:
        family: Which family.
        deployment: What is kept of it; None when it follows the newest version.
        fleet: Its servers; None when none runs.
        changes: The history.
        pushed: The pushed versions; None where they are out of reach.
    """
    servers = tuple(_asked(server, family) for server in fleet.servers()) if fleet else ()
    condition, reason = _judged(family, deployment, servers, changes, pushed)
    if fleet and not servers:
        condition, reason = _without_servers(fleet, condition, reason)
    return Health(family, deployment, condition, reason, tuple(pushed or ()), servers)


def _asked(server: ModelServer, family: str) -> Server:
    try:
        labels = {label: server.labelled(family, label) for label in (STABLE, CANARY)}
        found = {label: version for label, version in labels.items() if version is not None}
        return Server(server.name, server.states(family), found)
    except LodestarError as error:
        return Server(server.name, {}, {}, error.problem if isinstance(error, Gone) else str(error))


def _judged(
    family: str,
    deployment: Deployment | None,
    servers: Sequence[Server],
    changes: Sequence[Change],
    pushed: Sequence[int] | None,
) -> tuple[Condition, str]:
    if deployment is None:
        return _unpinned(family, servers, changes, pushed)
    if deployment.state is not Condition.UP_TO_DATE:
        return deployment.state, deployment.reason
    gone = sorted(set(deployment.labels.values()) - set(pushed)) if pushed is not None else []
    if gone:
        return Condition.INVALID, f"Version {gone[0]} is deployed, but it is not among the pushed ones."
    for server in servers:
        condition, reason = _behind(server, deployment)
        if condition is not Condition.UP_TO_DATE:
            return condition, reason
    return Condition.UP_TO_DATE, ""


def _behind(server: Server, deployment: Deployment) -> tuple[Condition, str]:
    if server.silent:
        return Condition.IN_PROGRESS, server.silent
    for label, version in deployment.labels.items():
        status = server.versions.get(version)
        if status is not None and status.failed:
            return Condition.BLOCKED, _failure(server, status)
        if server.labels.get(label) != version:
            return Condition.IN_PROGRESS, f"`{label}` is not version {version} yet on {server.name}."
    return Condition.UP_TO_DATE, ""


def _unpinned(
    family: str, servers: Sequence[Server], changes: Sequence[Change], pushed: Sequence[int] | None
) -> tuple[Condition, str]:
    last = next((change for change in reversed(changes) if change.family == family), None)
    if last is not None and last.action == "failed":
        return Condition.BLOCKED, last.reason
    for server in servers:
        newest = max(server.versions, default=None)
        status = server.versions[newest] if newest is not None else None
        if status is not None and status.failed:
            return Condition.BLOCKED, _failure(server, status)
        expected = max(pushed, default=None) if pushed is not None else newest
        if server.silent or expected not in server.serving:
            return (
                Condition.IN_PROGRESS,
                server.silent or f"{server.name} has yet to load version {expected}.",
            )
    return Condition.UP_TO_DATE, ""


def _without_servers(fleet: Fleet, condition: Condition, reason: str) -> tuple[Condition, str]:
    trouble = fleet.trouble()
    if trouble:
        return Condition.BLOCKED, trouble
    if condition is Condition.UP_TO_DATE:
        return Condition.IN_PROGRESS, "No model server is ready."
    return condition, reason


def _failure(server: Server, status: VersionStatus) -> str:
    why = " ".join(status.message.split()).rstrip(".") or status.code.name
    return f"Version {status.version} does not load on {server.name}: {why}."
