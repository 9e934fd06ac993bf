"""From a family and what the user typed to a run that can be submitted."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import Any

import yaml

from components.home import Home
from hparam.plan import SweepPlan
from pipelines.kubeflow.build import compile_as_asked, prepare
from pipelines.kubeflow.client import Submission
from pipelines.kubeflow.images import resolve_image
from pipelines.quiet import noise_to
from pipelines.terminal import NodeLines
from pipelines.verbs.options import overrides


def check(arguments: argparse.Namespace, sweep: SweepPlan | None = None) -> str:
    """Check what is asked for without loading TFX, and return the family's name.

    Args:
        arguments: Those of `submit` or `schedule`.
        sweep: Search before training.

    Raises:
        InputError: The family, the overlay, a setting, the image or the data source is wrong.
    """
    family, _, platform = prepare(
        arguments.family, arguments.overlay, arguments.config, overrides(arguments), sweep
    )
    resolve_image(arguments.image or platform.image)
    return family.name


def compiled(arguments: argparse.Namespace, name: str, sweep: SweepPlan | None = None) -> Submission:
    """Return the run that the arguments ask for; takes ten seconds and more to load TFX.

    Args:
        arguments: Those of `submit` or `schedule`.
        name: The run's or the schedule's name.
        sweep: Search before training.

    Raises:
        InputError: An argument is wrong, or the cluster would refuse the spec.
    """
    lines = NodeLines(sys.stderr)
    with lines.busy("compiling"), noise_to(Home.find().logs / "compile.log"):
        build = compile_as_asked(arguments, sweep=sweep)
    return Submission(
        name,
        arguments.experiment or build.name,
        document_of(build.text),
        build.service_account,
        description=f"{build.name}, submitted by lodestar",
    )


def document_of(text: str) -> Mapping[str, Any]:
    """Return the two YAML documents of a compiled pipeline as the API takes them."""
    spec, platform_spec = yaml.safe_load_all(text)
    return {"pipeline_spec": spec, "platform_spec": platform_spec}
