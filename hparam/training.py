"""What a family's `run_fn` is given when it is a trial: the sweep's data, and a folder to report into."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from components.distributed.request import Request
from components.family import ComputeSettings, find_family
from components.trial import BOARD, KEY, Trial
from hparam.outcome import TRAINING
from hparam.request import TrialRequest

_SECTIONS = ("transform", "train", "serve", "compute")


def run_fn_path(request: TrialRequest) -> str:
    """Return the import path of the `run_fn` that the request is for."""
    return find_family(request.family).path("trainer", "run_fn")


def arguments(request: TrialRequest, folder: Path) -> dict[str, Any]:
    """Return the fields of TFX's FnArgs as plain values.

    Args:
        request: What is trained.
        folder: The run's folder.
    """
    examples = request.inputs.examples.rstrip("/")
    name = f"trial {request.trial}" + (f" (attempt {request.attempt})" if request.attempt else "")
    trial = Trial(folder, request.metric, request.params, name)
    sections = {key: request.settings[key] for key in _SECTIONS if key in request.settings}
    return {
        "working_dir": str(folder / "work"),
        "train_files": [f"{examples}/Split-train/*"],
        "eval_files": [f"{examples}/Split-eval/*"],
        "train_steps": None,
        "eval_steps": None,
        "schema_path": None,
        "schema_file": None,
        "transform_graph_path": request.inputs.transform_graph.rstrip("/"),
        "transform_output": request.inputs.transform_graph.rstrip("/"),
        "serving_model_dir": str(folder / "model" / "Format-Serving"),
        "eval_model_dir": str(folder / "model" / "Format-TFMA"),
        "model_run_dir": str(folder / BOARD),
        "base_model": None,
        "hyperparameters": None,
        "custom_config": {"settings": json.dumps(sections), KEY: trial.config()},
    }


def compute_of(request: TrialRequest) -> ComputeSettings:
    """Return on what the trial trains."""
    return ComputeSettings.model_validate(request.settings.get("compute", {}))


def distributed_request(request: TrialRequest, folder: Path) -> Request:
    """Return what replicas are told, to be written where they see it; their chief reports for the trial.

    Args:
        request: A trial whose `compute` is distributed.
        folder: The run's folder, at the same path for every replica.
    """
    return Request(
        str(folder / TRAINING), compute_of(request), run_fn_path(request), arguments(request, folder)
    )
