"""`lodestar terminate`."""

from __future__ import annotations

import argparse
from datetime import datetime, timezone

from components.errors import InputError
from pipelines.kubeflow.client import run_status
from pipelines.kubeflow.session import open_session
from pipelines.terminal import print_json


def run(arguments: argparse.Namespace) -> int:
    """Stop a run; what its steps have finished stays."""
    session = open_session(arguments.overlay, arguments.host)
    found = session.client.find(arguments.run)
    status = run_status(found)
    if status.state.final:
        raise InputError(
            f"The run `{status.name}` has already ended: {status.state.value}.",
            cure=f"See it: `lodestar status {status.name}`.",
        )
    session.client.terminate(status.id)
    if arguments.output == "json":
        print_json(session.client.status(status.id).as_json(datetime.now(timezone.utc)))
    else:
        print(f"terminating {status.name}")
        print(f"next  `lodestar resume {status.name}` goes on where it was stopped")
    return 0
