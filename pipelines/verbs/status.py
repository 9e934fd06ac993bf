"""`lodestar status`."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime, timezone

from components.errors import InputError
from components.family import family_names
from pipelines.deployment_status import as_json, deployments_here, print_deployment, print_deployments
from pipelines.terminal import print_json


def run(arguments: argparse.Namespace) -> int:
    """Print a run, a family's deployment, or all: 0 done, 1 failed or canceled, 3 still on the way."""
    if arguments.run is None:
        return _list(arguments)
    if arguments.run.replace("_", "-") in family_names():
        return print_deployment(arguments)
    # The clients of the cluster take half a second to import; a family's deployment here needs none.
    from pipelines.runs import show_run

    return show_run(arguments)


def _list(arguments: argparse.Namespace) -> int:
    from pipelines.runs import newest_runs, print_runs

    deployments = deployments_here()
    without = ""
    try:
        runs = newest_runs(arguments)
    except InputError as error:
        # A laptop without a cluster has deployments all the same.
        if not deployments or arguments.host:
            raise
        runs, without = [], error.problem
    now = datetime.now(timezone.utc)
    if arguments.output == "json":
        print_json([*(run.as_json(now) for run in runs), *map(as_json, deployments)])
        return 0
    if runs:
        print_runs(runs, now)
    elif without:
        print(f"Runs on a cluster are not shown: {without}", file=sys.stderr)
    else:
        print("No run yet: `lodestar submit FAMILY` starts one.")
    if deployments:
        print_deployments(deployments)
    return 0
