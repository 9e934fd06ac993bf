"""`lodestar history`."""

from __future__ import annotations

import argparse
import sys

from components.deployment.history import Change
from components.deployment.store import FolderStore, Store
from components.errors import InputError
from components.family import find_family
from components.home import Home
from pipelines.terminal import print_json, print_table


def run(arguments: argparse.Namespace) -> int:
    """Print the newest changes, newest first."""
    if arguments.limit < 1:
        raise InputError(f"`--limit {arguments.limit}` is not positive.", cure="Ask for at least 1 change.")
    name = find_family(arguments.family).name if arguments.family else None
    found = [change for change in _store(arguments).history() if name in (None, change.family)]
    newest = found[::-1][: arguments.limit]
    if arguments.output == "json":
        print_json([change.as_json() for change in newest])
    elif not newest:
        print("Nothing was deployed yet: `lodestar deploy FAMILY` does it.")
    else:
        columns = ("time (UTC)", "family", "action", "from", "to", "by")
        print_table(columns, [_row(change) for change in newest], right=("from", "to"))
        for change in newest:
            if change.reason:
                print(f"{change.ts} {change.family}: {change.reason}", file=sys.stderr)
    return 0


def _store(arguments: argparse.Namespace) -> Store:
    if arguments.on == "here":
        return FolderStore(Home.find().serving)
    from pipelines.kubeflow.deployments import store_on_cluster

    return store_on_cluster(arguments.overlay)


def _row(change: Change) -> tuple[object, ...]:
    share = f" {change.percent} %" if change.percent is not None else ""
    when = change.ts[:19].replace("T", " ")
    return when, change.family, change.action + share, change.before, change.after, change.by
