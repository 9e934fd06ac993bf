"""`lodestar status`."""

from __future__ import annotations

import argparse
from datetime import datetime, timezone

from pipelines.kubeflow.client import run_status
from pipelines.kubeflow.session import Session, open_session
from pipelines.kubeflow.watch import follow_run, print_run
from pipelines.status import Status
from pipelines.terminal import print_json, print_table


def run(arguments: argparse.Namespace) -> int:
    """Print the runs, or one run with its steps: 0 done, 1 failed or canceled, 3 still running."""
    session = open_session(arguments.overlay, arguments.host)
    if arguments.run is None:
        return _list(session, arguments)
    found = session.client.find(arguments.run)
    if arguments.watch:
        return follow_run(session, run_status(found), arguments.output)
    return print_run(session, session.client.status(found.run_id), arguments.output)


def _list(session: Session, arguments: argparse.Namespace) -> int:
    now = datetime.now(timezone.utc)
    runs = [run_status(run) for run in session.client.runs(arguments.limit)]
    if arguments.output == "json":
        print_json([run.as_json(now) for run in runs])
    elif not runs:
        print("No run yet: `lodestar submit FAMILY` starts one.")
    else:
        rows = [_row(run, now) for run in runs]
        print_table(("run", "state", "started (UTC)", "seconds", "id"), rows, right=("seconds",))
    return 0


def _row(run: Status, now: datetime) -> tuple[str, ...]:
    seconds = run.seconds(now)
    started = f"{run.started.astimezone(timezone.utc):%Y-%m-%d %H:%M:%S}" if run.started else ""
    return run.name, run.state.value, started, "" if seconds is None else f"{seconds:.0f}", run.id
