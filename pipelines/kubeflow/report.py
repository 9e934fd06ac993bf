"""Tell Kubeflow Pipelines what a step made, so that its UI shows artifacts, metrics and the HTML report."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tfx import types
from tfx.dsl.io import fileio

from pipelines.kubeflow.launch import Outcome
from pipelines.kubeflow.outputs import EVALUATION, METRICS, REPORT, has_report

# For these Kubeflow's launcher would upload a local copy to its own bucket, and fail in another.
_UPLOADED = ("gs://", "s3://", "minio://", "oci://")
_METRICS_FILE, _REPORT_FILE = "metrics.json", "report.html"


def write_report(outcome: Outcome, executor_input: Mapping[str, Any], html: Mapping[str, str]) -> None:
    """Write `executor_output.json`, and copy HTML reports to where the launcher uploads them from.

    Args:
        outcome: What the node made.
        executor_input: What Kubeflow Pipelines passed; without `outputs.outputFile` nothing is written.
        html: Output name -> local path of its upload.
    """
    outputs = executor_input.get("outputs", {})
    lists = {key: one.get("artifacts") for key, one in outputs.get("artifacts", {}).items()}
    declared = {key: artifacts[0] for key, artifacts in lists.items() if artifacts}
    found = {key: entry for key, entry in _entries(outcome, html) if key in declared}
    artifacts = {
        key: {"artifacts": [{"name": declared[key].get("name", ""), **entry}]} for key, entry in found.items()
    }
    if outputs.get("outputFile"):
        path = Path(outputs["outputFile"])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"artifacts": artifacts}, sort_keys=True), encoding="utf-8")


def _entries(outcome: Outcome, html: Mapping[str, str]) -> Iterator[tuple[str, dict[str, Any]]]:
    cached = outcome.state == "reused"
    for key, artifacts in outcome.outputs.items():
        for artifact in artifacts[:1]:
            yield key, _entry(artifact, cached)
            if artifact.type_name == EVALUATION:
                yield f"{key}_{METRICS}", {"metadata": {"cached": cached, **_metrics(artifact.uri)}}
            if has_report(artifact.type_name):
                report = f"{key}_{REPORT}"
                if _copy_report(artifact.uri, html.get(report)):
                    yield report, {"metadata": {"cached": cached}}


def _entry(artifact: types.Artifact, cached: bool) -> dict[str, Any]:
    about = {"tfx_uri": artifact.uri, "tfx_type": artifact.type_name, "tfx_artifact_id": artifact.id}
    entry: dict[str, Any] = {"metadata": {**_properties(artifact), **about, "cached": cached}}
    if not artifact.uri.startswith(_UPLOADED):
        entry["uri"] = artifact.uri
    return entry


def _properties(artifact: types.Artifact) -> dict[str, str | int | float]:
    proto = artifact.mlmd_artifact
    found: dict[str, str | int | float] = {}
    for name, value in (*proto.properties.items(), *proto.custom_properties.items()):
        # Kubeflow's ML Metadata takes no null and no message for a value.
        kind = value.WhichOneof("value")
        if kind in ("string_value", "int_value", "double_value"):
            found[name] = getattr(value, kind)
    return found


def _metrics(uri: str) -> dict[str, float]:
    path = f"{uri}/{_METRICS_FILE}"
    if not fileio.exists(path):
        return {}
    with fileio.open(path) as file:
        metrics = json.load(file).get("metrics", {})
    return dict(_numbers(metrics, ""))


def _numbers(value: Any, name: str) -> Iterator[tuple[str, float]]:
    if isinstance(value, Mapping):
        for key, child in value.items():
            # `value` is the candidate's: it goes by the metric's own name.
            path = name if key == "value" else f"{name}.{key}" if name else str(key)
            yield from _numbers(child, path)
    elif isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        yield name, float(value)


def _copy_report(uri: str, path: str | None) -> bool:
    report = f"{uri}/{_REPORT_FILE}"
    if path is None or not fileio.exists(report):
        return False
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    fileio.copy(report, path, overwrite=True)
    return True
