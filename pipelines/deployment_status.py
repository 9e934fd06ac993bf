"""Print how deployments are: one with its servers, or all of them."""

from __future__ import annotations

import argparse
import time
from typing import Any

from components import artifact
from components.deployment.fleet import FixedFleet
from components.deployment.health import Health, examine
from components.deployment.state import CANARY, STABLE, Condition, Deployment
from components.deployment.store import FolderStore
from components.errors import InputError
from components.family import Family, family_names, find_family
from components.home import Home
from pipelines.deployments import opened, reachable
from pipelines.terminal import print_json, print_table

_COLUMNS = ("deployment", "state", "stable", "canary", "previous", "newest", "reason")
_LOOK_S = 0.5


def print_deployment(arguments: argparse.Namespace) -> int:
    """Print one family's deployment and what each server says; return its exit code.

    Raises:
        InputError: It is not deployed, and there is nothing that it could follow.
    """
    family = find_family(arguments.run)
    health = _look(family, arguments)
    while arguments.watch and health.condition is Condition.IN_PROGRESS:
        time.sleep(_LOOK_S)
        health = _look(family, arguments)
    if arguments.output == "json":
        print_json(as_json(health))
    else:
        _print(health, on_cluster=arguments.on == "cluster")
    return health.exit_code


def _look(family: Family, arguments: argparse.Namespace) -> Health:
    with opened(family, arguments) as place:
        deployment = place.store.read().get(family.name)
        pushed = None if place.folder is None else artifact.versions(place.folder)
        changes = place.store.history()
        if deployment is None and not pushed and family.name not in {change.family for change in changes}:
            where = "on the cluster" if pushed is None else "and no version was pushed"
            raise InputError(f"`{family.name}` is not deployed {where}.", cure=_cure(family, pushed is None))
        return examine(family.name, deployment, place.fleet, changes, pushed)


def _cure(family: Family, on_cluster: bool) -> str:
    if on_cluster:
        return f"Deploy it: `lodestar deploy {family.name} --version V --on cluster`."
    return f"Train one: `lodestar run {family.name}`."


def deployments_here() -> list[Health]:
    """Return the deployments of this machine's families that have something to tell."""
    store = FolderStore(Home.find().serving)
    kept, changes = store.read(), store.history()
    names = [n for n in family_names() if n in kept or artifact.versions(store.root / n)]
    with FixedFleet(reachable(None)) as fleet:
        running = fleet if fleet.servers() else None
        return [
            examine(name, kept.get(name), running, changes, artifact.versions(store.root / name))
            for name in names
        ]


def print_deployments(found: list[Health]) -> None:
    """Print a line for each deployment."""
    print_table(_COLUMNS, [_row(health) for health in found], right=("stable", "previous", "newest"))


def as_json(health: Health) -> dict[str, Any]:
    """Return a deployment's health as JSON values."""
    deployment = health.deployment
    kept = deployment.as_json() if deployment else _unpinned_json()
    return {
        "kind": "deployment",
        "name": health.family,
        **kept,
        "pinned": deployment is not None,
        "state": health.condition.value,
        "reason": health.reason,
        "pushed": list(health.pushed),
        "servers": [
            {
                "name": server.name,
                "answers": not server.silent,
                "labels": server.labels,
                "versions": [
                    {"version": version, "state": status.state.name, "reason": _line(status.message)}
                    for version, status in sorted(server.versions.items(), reverse=True)
                ],
            }
            for server in health.servers
        ],
    }


def _unpinned_json() -> dict[str, Any]:
    nothing: dict[str, Any] = dict.fromkeys(("stable", "canary", "previous", "loading"))
    return {**nothing, "revision": 0}


def _row(health: Health) -> tuple[object, ...]:
    deployment = health.deployment
    newest = max(health.pushed, default=None)
    if deployment is None:
        return health.family, health.condition.value, "newest", "", "", newest, health.reason
    canary = f"{deployment.canary.version} ({deployment.canary.percent} %)" if deployment.canary else ""
    state = health.condition.value
    return health.family, state, deployment.stable, canary, deployment.previous, newest, health.reason


def _print(health: Health, on_cluster: bool) -> None:
    print(f"{health.family}: {health.condition.value}" + (f": {health.reason}" if health.reason else ""))
    if health.deployment is None:
        print("  not deployed" if on_cluster else "  not deployed: it follows the newest pushed version")
    rows = [
        (version, _roles(health.deployment, version), server.name, status.state.name, _line(status.message))
        for server in health.servers
        for version, status in sorted(server.versions.items(), reverse=True)
    ]
    if rows:
        print_table(("version", "role", "server", "state", "reason"), rows, right=("version",))
    elif health.deployment is not None:
        for version in reversed(health.deployment.versions):
            print(f"  version {version}: {_roles(health.deployment, version)}")
    for server in health.servers:
        if server.silent:
            print(f"  {server.silent}")
    if not health.servers:
        how = "`kubectl get pods` says why" if on_cluster else "`lodestar serve` starts one"
        print(f"  no model server answers: {how}")


def _line(message: str) -> str:
    return " ".join(message.split())


def _roles(deployment: Deployment | None, version: int) -> str:
    if deployment is None:
        return ""
    roles = [label for label, labelled in deployment.labels.items() if labelled == version]
    if deployment.canary and version == deployment.canary.version:
        roles[roles.index(CANARY)] = f"{CANARY} {deployment.canary.percent} %"
    if version == deployment.previous and STABLE not in roles:
        roles.append("previous")
    if version == deployment.loading:
        roles.append("loading")
    return ", ".join(roles)
