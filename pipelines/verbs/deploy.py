"""`lodestar deploy`."""

from __future__ import annotations

import argparse

from components.deployment.rollout import Changed
from components.deployment.state import canaried, deployed
from components.family import Family
from pipelines.deployments import Place, change


def run(arguments: argparse.Namespace) -> int:
    """Let a version serve all requests or a canary's share: 0 done, 1 it does not load, 2 there is none."""

    def decide(place: Place, family: Family) -> Changed:
        version = place.version(family, arguments.version)
        if arguments.canary is None:
            return lambda before: deployed(before, version)
        return lambda before: canaried(before, version, arguments.canary)

    return change(arguments, "deploy" if arguments.canary is None else "canary", decide)
