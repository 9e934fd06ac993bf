"""checkov on everything that becomes a pod or a right; exceptions are in manifests/checkov.yaml."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.kubeflow.platform import load_platform
from pipelines.kubeflow.tfjob import render_tfjob
from tests.cluster.overlays import ROOT

CHECKOV = "checkov==3.3.30"


def scan(folder: Path) -> dict[str, Any]:
    """Return checkov's report; its pins differ from the project's, so its environment is its own."""
    uv = shutil.which("uv") or shutil.which("uv", path=str(ROOT / ".uv/bin"))
    if not uv:
        pytest.skip("uv is not installed, and checkov needs an environment of its own")
    command = [uv, "run", "--isolated", "--no-project", "--python", sys.executable]
    options = ["--config-file", str(ROOT / "manifests/checkov.yaml"), "--skip-download", "--output=json"]
    done = subprocess.run(
        [*command, "--with", CHECKOV, "checkov", *options, "--directory", str(folder)],
        capture_output=True,
        text=True,
        timeout=600,
        cwd=folder,
    )
    assert done.returncode in (0, 1), done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def findings(report: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [
        (check["check_id"], check["resource"], check["check_name"])
        for check in report["results"]["failed_checks"]
    ]


def test_overlay_and_its_pods_pass(
    objects: tuple[dict[str, Any], ...], platform_name: str, tmp_path: Path
) -> None:
    job = json.loads(render_tfjob(load_platform(platform_name), "lodestar/pipelines:1"))
    # checkov knows no TFJob, so the replicas are shown to it as the pods that they become.
    replicas = [
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": kind.lower(), "namespace": "x"}}
        | {"spec": replica["template"]["spec"]}
        for kind, replica in job["spec"]["tfReplicaSpecs"].items()
    ]
    smoke = yaml.safe_load((ROOT / "manifests/verify/job.yaml").read_text(encoding="utf-8"))
    smoke["metadata"]["namespace"] = "x"
    (tmp_path / "all.yaml").write_text(yaml.safe_dump_all([*objects, *replicas, smoke]), encoding="utf-8")
    report = scan(tmp_path)
    assert findings(report) == []
    assert report["summary"]["passed"] > 100


def test_a_careless_pod_is_found(tmp_path: Path) -> None:
    container = {
        "name": "main",
        "image": "lodestar/pipelines:latest",
        "securityContext": {"privileged": True},
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "careless"},
        "spec": {"containers": [container]},
    }
    (tmp_path / "pod.yaml").write_text(yaml.safe_dump(pod), encoding="utf-8")
    found = {check for check, _, _ in findings(scan(tmp_path))}
    assert {"CKV_K8S_16", "CKV_K8S_20", "CKV_K8S_14", "CKV_K8S_11"} <= found


def test_every_exception_has_a_reason() -> None:
    lines = (ROOT / "manifests/checkov.yaml").read_text(encoding="utf-8").splitlines()
    skipped = [line for line in lines if line.strip().startswith("- CKV")]
    assert skipped and all(len(line.partition("#")[2].split()) >= 4 for line in skipped)
