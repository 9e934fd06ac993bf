"""`lodestar board`."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from components.errors import InputError
from components.family import find_family
from components.home import Home, is_uri
from pipelines.sweeps.places import Here


def run(arguments: argparse.Namespace) -> int:
    """Start TensorBoard on the runs of one family or of all, or on a sweep's trials; ends with Ctrl-C."""
    folder, cure = _shown(arguments, Home.find())
    if is_uri(folder):
        raise InputError(
            f"TensorBoard shows runs in a folder, and they are in `{folder}`.",
            source="LODESTAR_PIPELINE_ROOT",
            cure="Copy the folders `model_run` here and type `tensorboard --logdir FOLDER`.",
        )
    if not any(Path(folder).rglob("events.out.tfevents.*")):
        raise InputError("There is no run to show.", source=folder, cure=cure)
    print(f"TensorBoard: http://127.0.0.1:{arguments.port} (Ctrl-C ends it)", flush=True)
    options = ["--logdir", folder, "--port", str(arguments.port), "--host", "127.0.0.1"]
    command = [sys.executable, "-W", "ignore", "-m", "tensorboard.main", *options]
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.run(command, env=quiet, check=False).returncode  # noqa: S603 - our own interpreter


def _shown(arguments: argparse.Namespace, home: Home) -> tuple[str, str]:
    # The folder, and what to do when nothing is there.
    if arguments.sweep and arguments.family:
        raise InputError(
            f"A sweep's trials are of one family: `{arguments.family}` is too much.",
            cure="Leave FAMILY away.",
        )
    if arguments.sweep:
        folder = Here(home).folder(arguments.sweep)
        return str(folder.path / "trials"), "Its trials have not reported yet."
    if arguments.family:
        family = find_family(arguments.family).name
        return home.pipeline_root(family), f"Type `lodestar run {family}` first."
    return home.pipelines, "Type `lodestar run FAMILY` first."
