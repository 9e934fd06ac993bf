"""Start a sweep on a cluster: the family's pipeline with the sweep as the step before training."""

from __future__ import annotations

import argparse

from components.errors import InputError
from pipelines.kubeflow.client import run_status
from pipelines.kubeflow.session import open_session
from pipelines.kubeflow.submission import check, compiled
from pipelines.kubeflow.watch import follow_run
from pipelines.run_name import fresh_run_name
from pipelines.sweeps.asked import plan_of, short_name
from pipelines.terminal import print_json


def submit(arguments: argparse.Namespace) -> int:
    """Compile a family's pipeline with a sweep and start a run of it; return the exit code.

    Raises:
        InputError: An option, a setting or the space is wrong, or the cluster refuses the run.
    """
    if arguments.resume:
        raise InputError(
            "A sweep on a cluster goes on by itself when its step is tried again.",
            cure="`lodestar resume RUN` runs an ended run's spec again; `lodestar status` lists the runs.",
        )
    plan = plan_of(arguments)
    family = check(arguments, plan)
    run = fresh_run_name(family)
    plan = plan.model_copy(update={"name": plan.name or short_name(run)})
    session = open_session(arguments.overlay, arguments.host)
    session.client.check_free(run)
    started = run_status(session.client.submit(compiled(arguments, run, plan)))
    if arguments.watch:
        return follow_run(session, started, arguments.output)
    if arguments.output == "json":
        print_json({"run": started.name, "id": started.id, "sweep": plan.name})
    else:
        print(f"run    {started.name} ({started.id})")
        print(f"sweep  {plan.name}")
        print(f"next   `lodestar sweep status {plan.name} --on cluster --watch`")
    return 0
