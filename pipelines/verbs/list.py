"""`lodestar list`."""

from __future__ import annotations

import argparse

from components import artifact
from components.deployment.store import FolderStore
from components.family import family_names, find_family
from components.home import Home
from pipelines.terminal import print_json, print_table


def run(arguments: argparse.Namespace) -> int:
    """Print every family with its task, its newest pushed version and the one that is deployed as stable."""
    serving = Home.find().serving
    deployed = FolderStore(serving).read()
    families = [find_family(name) for name in family_names()]
    newest = {family.name: max(artifact.versions(serving / family.name), default=None) for family in families}
    stable = {name: deployed[name].stable if name in deployed else None for name in newest}
    live = {name: stable[name] or newest[name] for name in newest}
    if arguments.output == "json":
        print_json(
            [
                {
                    "name": f.name,
                    "task": f.task,
                    "title": f.title,
                    "live": live[f.name],
                    "stable": stable[f.name],
                    "newest": newest[f.name],
                }
                for f in families
            ]
        )
    else:
        rows = [
            (f.name, f.task, live[f.name] or "-", stable[f.name] or "-", newest[f.name] or "-", f.title)
            for f in families
        ]
        columns = ("family", "task", "live", "stable", "newest", "what it does")
        print_table(columns, rows, right=("live", "stable", "newest"))
    return 0
