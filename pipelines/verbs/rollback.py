"""`lodestar rollback`."""

from __future__ import annotations

import argparse

from components.deployment.rollout import Changed
from components.deployment.state import rolled_back
from components.family import Family
from pipelines.deployments import Place, change


def run(arguments: argparse.Namespace) -> int:
    """Go one step back, or to a version; it need not wait for a deployment that is still loading."""

    def decide(place: Place, family: Family) -> Changed:
        to = None if arguments.to is None else place.version(family, arguments.to)
        return lambda before: rolled_back(before, to)

    return change(arguments, "rollback", decide)
