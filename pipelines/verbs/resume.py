"""`lodestar resume`."""

from __future__ import annotations

import argparse

from components.errors import InputError
from pipelines.kubeflow.client import run_status
from pipelines.kubeflow.session import open_session
from pipelines.kubeflow.watch import follow_run, print_started


def run(arguments: argparse.Namespace) -> int:
    """Start a new run of an ended run's spec; what that run finished is re-used."""
    session = open_session(arguments.overlay, arguments.host)
    old = session.client.find(arguments.run)
    if not run_status(old).state.final:
        raise InputError(
            f"The run `{old.display_name}` is still going on.",
            cure=f"Wait for it, or end it first: `lodestar terminate {old.display_name}`.",
        )
    started = run_status(session.client.resume(old, arguments.start))
    if arguments.watch:
        return follow_run(session, started, arguments.output)
    return print_started(started, arguments.output)
