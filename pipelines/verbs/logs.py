"""`lodestar logs`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from dataclasses import asdict

from components.errors import InputError, LodestarError
from pipelines.kubeflow.logs import LogLine, read_logs
from pipelines.kubeflow.session import open_session
from pipelines.kubeflow.steps import find_step, steps_of


def run(arguments: argparse.Namespace) -> int:
    """Print what the steps of a run wrote; with --follow until the run has ended."""
    session = open_session(arguments.overlay, arguments.host)
    if session.workflows is None:
        raise InputError("Logs are read from the pods, and there is no kubeconfig.", cure="Set KUBECONFIG.")
    client, workflows = session.client, session.workflows
    found = client.find(arguments.run)
    steps = steps_of(client.document(found))
    wanted = [find_step(steps, arguments.step)] if arguments.step else steps
    lines = read_logs(
        lambda: workflows.pods(found.run_id, wanted),
        workflows.log,
        lambda: client.status(found.run_id).state.final,
        arguments.follow,
    )
    if not _print(lines, arguments.output):
        raise LodestarError(
            f"There are no logs of run `{found.display_name}`: its pods have not started, or are gone.",
            cure=f"`lodestar status {found.display_name}` says what it waits for.",
        )
    return 0


def _print(lines: Iterable[LogLine], output: str) -> int:
    printed, pod = 0, ""
    for line in lines:
        printed += 1
        if output == "json":
            # One document a line, so that a reader can follow too.
            print(json.dumps(asdict(line)), flush=True)
            continue
        if line.pod != pod:
            print(f"== {line.step} ({line.pod})")
            pod = line.pod
        print(line.text, flush=True)
    return printed
