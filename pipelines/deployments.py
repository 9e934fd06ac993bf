"""Where a verb finds deployments and model servers: on this machine, or on a cluster."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from components import artifact
from components.deployment.fleet import DEFAULT_SERVER, FixedFleet, Fleet, Gone, is_listening
from components.deployment.history import Action
from components.deployment.loading import Pace
from components.deployment.rollout import Changed, Rollout
from components.deployment.state import Deployment
from components.deployment.store import FolderStore, Store
from components.errors import InputError
from components.family import Family, find_family
from components.home import Home
from pipelines.terminal import print_json


@dataclass(frozen=True)
class Place:
    """Deployments and the servers that they are about.

    Attributes:
        store: What is deployed.
        fleet: The family's servers; None when none runs.
        folder: The family's pushed versions; None where they are out of reach.
        poll: Seconds between two looks at the servers.
    """

    store: Store
    fleet: Fleet | None
    folder: Path | None
    poll: float = 0.1

    def version(self, family: Family, asked: int | None) -> int:
        """Return the version that was asked for, or the newest.

        Raises:
            InputError: It was never pushed, or nobody knows which is the newest.
        """
        if self.folder is None:
            if asked is None:
                raise InputError(
                    "Which version is the newest cannot be seen from here: the models are on the cluster.",
                    cure="Give it with --version V; the Pusher's line of `lodestar status RUN` has it.",
                )
            return asked
        pushed = artifact.versions(self.folder)
        if not pushed:
            raise InputError(
                f"No version of `{family.name}` was pushed.",
                source=str(self.folder),
                cure=f"Train one: `lodestar run {family.name}`.",
            )
        if asked is not None and asked not in pushed:
            raise InputError(
                f"There is no version {asked} of `{family.name}`.",
                source=str(self.folder),
                cure=f"Versions: {', '.join(map(str, pushed))}.",
            )
        return pushed[-1] if asked is None else asked

    def check(self, version: int) -> None:
        """Refuse a version whose files are not those that were pushed; where they are out of reach, none.

        Raises:
            LodestarError: A file is missing, changed or extra.
        """
        if self.folder is not None:
            artifact.verify(self.folder / str(version))


@contextmanager
def opened(family: Family, arguments: argparse.Namespace) -> Iterator[Place]:
    """Give the place that `--on`, `--overlay`, `--server` and `--model-root` name.

    Raises:
        InputError: There is no such overlay, or no kubeconfig, or an address is wrong.
        LodestarError: A server that was named does not answer.
    """
    if arguments.on == "cluster":
        # The clients of the cluster take half a second to import.
        from pipelines.kubeflow.deployments import opened_on_cluster

        with opened_on_cluster(family.name, arguments.overlay) as (kept, pods):
            # Each look is a question to the API server, which has others to answer.
            yield Place(kept, pods, None, poll=0.5)
        return
    home = Home.find()
    store = FolderStore(home.serving, arguments.model_root)
    addresses = reachable(arguments.server)
    if not addresses:
        yield Place(store, None, home.serving / family.name)
        return
    with FixedFleet(addresses) as fleet:
        yield Place(store, fleet, home.serving / family.name)


def reachable(named: Sequence[str] | None) -> list[str]:
    """Return the addresses of the servers; none when none was named and none is at the usual address.

    Raises:
        Gone: One that was named does not answer.
    """
    for address in named or ():
        if not is_listening(address):
            raise Gone(address, "nobody listens there")
    return list(named or ([DEFAULT_SERVER] if is_listening(DEFAULT_SERVER) else []))


def change(arguments: argparse.Namespace, action: Action, decide: Callable[[Place, Family], Changed]) -> int:
    """Make a change of a family's deployment, print what is deployed then, and return the exit code.

    Args:
        arguments: Those of deploy, promote or rollback.
        action: What it is, for the history.
        decide: Returns the change, once it is known where.
    """
    family = find_family(arguments.family)
    quiet = arguments.output == "json"
    with opened(family, arguments) as place:
        changed = decide(place, family)
        rollout = Rollout(
            family.name,
            place.store,
            place.fleet,
            pace=Pace(timeout=arguments.timeout, poll=place.poll),
            tell=lambda line: None if quiet else print(f"{family.name}: {line}", flush=True),
            check=place.check,
        )
        done = rollout.run(action, changed)
        if quiet:
            print_json({"family": family.name, "applied": place.fleet is not None, **done.as_json()})
        else:
            print(f"{family.name}: {described(done)}")
        if place.fleet is None:
            message = (
                f"No model server is at {DEFAULT_SERVER}: this takes effect when `lodestar serve` starts."
            )
            print(message, file=sys.stderr)
    return 0


def described(deployment: Deployment) -> str:
    """Return what is deployed, in one line."""
    parts = [f"stable {deployment.stable}"]
    if deployment.canary:
        parts.append(f"canary {deployment.canary.version} ({deployment.canary.percent} %)")
    if deployment.previous is not None:
        parts.append(f"previous {deployment.previous}")
    return ", ".join(parts)
