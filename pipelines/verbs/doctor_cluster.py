"""`lodestar doctor --cluster`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from pipelines.checks import Check
from pipelines.kubeflow.doctor import cluster_checks
from pipelines.kubeflow.images import resolve_image
from pipelines.kubeflow.platform import load_platform


def checks(arguments: argparse.Namespace) -> Iterator[Check]:
    """Yield a check for everything that a run on the cluster needs."""
    platform = load_platform(arguments.overlay)
    image = resolve_image(arguments.image or platform.image)
    return cluster_checks(platform, arguments.overlay, image, arguments.host)
