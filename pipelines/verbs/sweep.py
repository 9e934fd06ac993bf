"""`lodestar sweep`."""

from __future__ import annotations

import argparse
from importlib import import_module

_ACTIONS = {
    "start": "start.start",
    "resume": "start.resume",
    "list": "steer.show_all",
    "status": "steer.status",
    "pause": "steer.pause",
    "stop": "steer.stop",
    "retry": "steer.retry",
    "set": "steer.change",
    "best": "steer.best",
    "report": "steer.report",
}


def run(arguments: argparse.Namespace) -> int:
    """Start a sweep, or do something with one that there is."""
    # Each action loads only what it needs: a status must not wait for an optimizer.
    module, _, function = _ACTIONS[arguments.action].partition(".")
    return int(getattr(import_module(f"pipelines.sweeps.{module}"), function)(arguments))
