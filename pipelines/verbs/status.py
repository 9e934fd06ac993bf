"""`lodestar status`."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime, timezone

from components.errors import InputError
from components.family import family_names
from pipelines.deployment_status import as_json, deployments_here, print_deployment, print_deployments
from pipelines.kubeflow.client import run_status
from pipelines.kubeflow.session import Session, open_session
from pipelines.kubeflow.watch import follow_run, print_run
from pipelines.status import Status
from pipelines.terminal import print_json, print_table


def run(arguments: argparse.Namespace) -> int:
    """Print a run, a family's deployment, or all: 0 done, 1 failed or canceled, 3 still on the way."""
    if arguments.run is None:
        return _list(arguments)
    if arguments.run.replace("_", "-") in family_names():
        return print_deployment(arguments)
    session = open_session(arguments.overlay, arguments.host)
    found = session.client.find(arguments.run)
    if arguments.watch:
        return follow_run(session, run_status(found), arguments.output)
    return print_run(session, session.client.status(found.run_id), arguments.output)


def _list(arguments: argparse.Namespace) -> int:
    deployments = deployments_here()
    try:
        session: Session | None = open_session(arguments.overlay, arguments.host)
    except InputError as error:
        # A laptop without a cluster has deployments all the same.
        if not deployments or arguments.host:
            raise
        session = None
        print(f"Runs on a cluster are not shown: {error.problem}", file=sys.stderr)
    now = datetime.now(timezone.utc)
    runs = [run_status(run) for run in session.client.runs(arguments.limit)] if session else []
    if arguments.output == "json":
        print_json([*(run.as_json(now) for run in runs), *map(as_json, deployments)])
        return 0
    if runs:
        rows = [_row(run, now) for run in runs]
        print_table(("run", "state", "started (UTC)", "seconds", "id"), rows, right=("seconds",))
    elif session:
        print("No run yet: `lodestar submit FAMILY` starts one.")
    if deployments:
        print_deployments(deployments)
    return 0


def _row(run: Status, now: datetime) -> tuple[str, ...]:
    seconds = run.seconds(now)
    started = f"{run.started.astimezone(timezone.utc):%Y-%m-%d %H:%M:%S}" if run.started else ""
    return run.name, run.state.value, started, "" if seconds is None else f"{seconds:.0f}", run.id
