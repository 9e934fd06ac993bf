"""The runs on a cluster, as `lodestar status` shows them."""

from __future__ import annotations

import argparse
from datetime import datetime, timezone

from pipelines.kubeflow.client import run_status
from pipelines.kubeflow.session import open_session
from pipelines.kubeflow.watch import follow_run, print_run
from pipelines.status import Status
from pipelines.terminal import print_table


def show_run(arguments: argparse.Namespace) -> int:
    """Print one run with its steps and return its exit code; with `--watch` follow it to its end."""
    session = open_session(arguments.overlay, arguments.host)
    found = session.client.find(arguments.run)
    if arguments.watch:
        return follow_run(session, run_status(found), arguments.output)
    return print_run(session, session.client.status(found.run_id), arguments.output)


def newest_runs(arguments: argparse.Namespace) -> list[Status]:
    """Return the newest runs.

    Raises:
        InputError: There is no kubeconfig, no such overlay, or the address is wrong.
        LodestarError: Nobody answers.
    """
    session = open_session(arguments.overlay, arguments.host)
    return [run_status(run) for run in session.client.runs(arguments.limit)]


def print_runs(runs: list[Status], now: datetime) -> None:
    """Print a line for each run."""
    columns = ("run", "state", "started (UTC)", "seconds", "id")
    print_table(columns, [_row(run, now) for run in runs], right=("seconds",))


def _row(run: Status, now: datetime) -> tuple[str, ...]:
    seconds = run.seconds(now)
    started = f"{run.started.astimezone(timezone.utc):%Y-%m-%d %H:%M:%S}" if run.started else ""
    return run.name, run.state.value, started, "" if seconds is None else f"{seconds:.0f}", run.id
