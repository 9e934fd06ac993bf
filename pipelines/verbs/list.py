"""`lodestar list`."""

from __future__ import annotations

import argparse

from components import artifact
from components.family import family_names, find_family
from components.home import Home
from pipelines.terminal import print_json, print_table


def run(arguments: argparse.Namespace) -> int:
    """Print every family with its task and its live version."""
    serving = Home.find().serving
    families = [find_family(name) for name in family_names()]
    live = {family.name: max(artifact.versions(serving / family.name), default=None) for family in families}
    if arguments.output == "json":
        print_json(
            [{"name": f.name, "task": f.task, "title": f.title, "live": live[f.name]} for f in families]
        )
    else:
        rows = [(f.name, f.task, "-" if live[f.name] is None else live[f.name], f.title) for f in families]
        print_table(("family", "task", "live", "what it does"), rows, right=("live",))
    return 0
