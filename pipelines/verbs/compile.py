"""`lodestar compile`."""

from __future__ import annotations

import argparse
from pathlib import Path

from components.errors import InputError
from pipelines.kubeflow.build import Build, compile_as_asked
from pipelines.verbs.options import sweep_plan


def run(arguments: argparse.Namespace) -> int:
    """Write a family's spec; print the file, its size and its steps."""
    build = compile_as_asked(arguments, arguments.target, sweep_plan(arguments))
    path = arguments.output or Path(f"{build.name}.{'json' if arguments.target == 'vertex' else 'yaml'}")
    _write(path, build)
    print(f"wrote  {path}, {len(build.text) / 1000:.1f} kB")
    print(f"steps  {', '.join(build.steps)}")
    if arguments.target == "kubeflow":
        print(f"next   `lodestar submit {arguments.family}`, or upload the file to Kubeflow Pipelines")
    return 0


def _write(path: Path, build: Build) -> None:
    try:
        path.write_text(build.text, encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"Cannot write the spec: {error.strerror}.", source=str(path), cure="Name another file with -o."
        ) from None
