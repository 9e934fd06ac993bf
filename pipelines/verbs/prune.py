"""`lodestar prune`."""

from __future__ import annotations

import argparse

from components.deployment.prune import prune
from components.deployment.store import FolderStore
from components.family import find_family
from components.home import Home
from pipelines.terminal import print_json


def run(arguments: argparse.Namespace) -> int:
    """Remove old pushed versions and say which."""
    family = find_family(arguments.family)
    store = FolderStore(Home.find().serving)
    removed = prune(store, family.name, arguments.keep, dry_run=arguments.dry_run)
    if arguments.output == "json":
        print_json({"family": family.name, "removed": removed, "dry_run": arguments.dry_run})
    elif not removed:
        print(f"{family.name}: nothing to remove")
    else:
        what = "would be removed" if arguments.dry_run else "removed"
        print(f"{family.name}: {what}: {', '.join(map(str, removed))}")
    return 0
