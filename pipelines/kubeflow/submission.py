"""From a family and what the user typed to a run that can be submitted."""

from __future__ import annotations

import argparse
import secrets
import sys
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

import yaml

from components.home import Home
from pipelines.beam.options import beam_args
from pipelines.kubeflow.build import compile_family, prepare
from pipelines.kubeflow.client import Submission
from pipelines.kubeflow.images import resolve_image
from pipelines.quiet import noise_to
from pipelines.terminal import NodeLines
from pipelines.verbs.options import overrides


def check(arguments: argparse.Namespace) -> str:
    """Check what the arguments say without loading TFX, and return the family's name.

    Raises:
        InputError: The family, the overlay, a setting, the image or the data source is wrong.
    """
    family, _, platform = prepare(arguments.family, arguments.overlay, arguments.config, overrides(arguments))
    resolve_image(arguments.image or platform.image)
    return family.name


def compiled(arguments: argparse.Namespace, name: str) -> Submission:
    """Return the run that the arguments ask for; takes ten seconds and more to load TFX.

    Args:
        arguments: Those of `submit` or `schedule`.
        name: The run's or the schedule's name.

    Raises:
        InputError: An argument is wrong, or the cluster would refuse the spec.
    """
    lines = NodeLines(sys.stderr)
    with lines.busy("compiling"), noise_to(Home.find().logs / "compile.log"):
        build = compile_family(
            arguments.family,
            arguments.overlay,
            arguments.image,
            arguments.config,
            overrides(arguments),
            beam=beam_args(arguments.beam_runner, arguments.beam_option),
        )
    return Submission(
        name,
        arguments.experiment or build.name,
        document_of(build.text),
        build.service_account,
        description=f"{build.name}, submitted by lodestar",
    )


def fresh_name(family: str) -> str:
    """Return a name for a run: the family, the time (UTC) and four digits."""
    return f"{family}-{datetime.now(timezone.utc):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def document_of(text: str) -> Mapping[str, Any]:
    """Return the two YAML documents of a compiled pipeline as the API takes them."""
    spec, platform_spec = yaml.safe_load_all(text)
    return {"pipeline_spec": spec, "platform_spec": platform_spec}
