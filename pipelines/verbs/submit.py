"""`lodestar submit`."""

from __future__ import annotations

import argparse

from pipelines.kubeflow.client import run_status
from pipelines.kubeflow.session import open_session
from pipelines.kubeflow.submission import check, compiled
from pipelines.kubeflow.watch import follow_run, print_started
from pipelines.run_name import fresh_run_name
from pipelines.verbs.options import sweep_plan


def run(arguments: argparse.Namespace) -> int:
    """Compile a family's pipeline and start a run of it on the cluster."""
    sweep = sweep_plan(arguments)
    family = check(arguments, sweep)
    # What the cluster refuses is told before ten seconds are spent on compiling.
    session = open_session(arguments.overlay, arguments.host)
    name = arguments.name or fresh_run_name(family)
    session.client.check_free(name)
    started = run_status(session.client.submit(compiled(arguments, name, sweep)))
    if arguments.watch:
        return follow_run(session, started, arguments.output)
    return print_started(started, arguments.output)
