"""`lodestar promote`."""

from __future__ import annotations

import argparse

from components.deployment.state import promoted
from pipelines.deployments import change


def run(arguments: argparse.Namespace) -> int:
    """Let the canary serve all requests; the stable version stays loaded for a rollback."""
    return change(arguments, "promote", lambda place, family: promoted)
