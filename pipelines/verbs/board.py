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


def run(arguments: argparse.Namespace) -> int:
    """Start TensorBoard on the runs of one family or of all; ends with Ctrl-C."""
    home = Home.find()
    family = find_family(arguments.family).name if arguments.family else ""
    folder = home.pipeline_root(family) if family else home.pipelines
    if is_uri(folder):
        raise InputError(
            f"TensorBoard shows runs in a folder, and they are in `{folder}`.",
            source="LODESTAR_PIPELINE_ROOT",
            cure="Copy the folders `model_run` here and type `tensorboard --logdir FOLDER`.",
        )
    if not any(Path(folder).rglob("events.out.tfevents.*")):
        raise InputError(
            "There is no run to show.",
            source=folder,
            cure=f"Type `lodestar run {family or 'FAMILY'}` first.",
        )
    print(f"TensorBoard: http://127.0.0.1:{arguments.port} (Ctrl-C ends it)", flush=True)
    options = ["--logdir", folder, "--port", str(arguments.port), "--host", "127.0.0.1"]
    command = [sys.executable, "-W", "ignore", "-m", "tensorboard.main", *options]
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.run(command, env=quiet, check=False).returncode  # noqa: S603 - our own interpreter
