"""What the API server's admission says where the restricted Pod Security Standard is enforced."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.kubeflow.platform import load_platform
from pipelines.kubeflow.tfjob import pod_resources, render_tfjob
from tests.cluster.conftest import POD_SECURITY, RESTRICTED, SECURITY, Kubectl, apply
from tests.cluster.overlays import OVERLAYS, PLATFORMS, rewritten

Pod = dict[str, Any]


@pytest.fixture
def empty_namespace(kubectl: Kubectl) -> Iterator[str]:
    """A restricted namespace in which no overlay has been applied: a claim cannot change its class."""
    name = f"lodestar-test-{secrets.token_hex(3)}"
    metadata = {"name": name, "labels": RESTRICTED}
    apply(kubectl, {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


@pytest.mark.parametrize("overlay_name", tuple(PLATFORMS))
def test_overlay_is_accepted_without_a_warning(
    kubectl: Kubectl, empty_namespace: str, tmp_path: Path, overlay_name: str
) -> None:
    folder = Path("/var/lodestar") if PLATFORMS[overlay_name] == "kind-cpu" else None
    manifest = rewritten(overlay_name, empty_namespace, tmp_path, folder)
    done = kubectl("apply", "--server-side", "--dry-run=server", "--filename=-", input=manifest)
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == manifest.count("\nkind: ")


@pytest.mark.parametrize("overlay_name", OVERLAYS)
@pytest.mark.parametrize("node", ["Ingest", "Trainer", "Pusher"])
def test_step_pod_is_admitted(kubectl: Kubectl, namespace: str, overlay_name: str, node: str) -> None:
    assert _refusals(kubectl, _object("v1", "Pod", namespace, _step(overlay_name, node))) == ""


@pytest.mark.parametrize("overlay_name", OVERLAYS)
def test_trial_job_is_admitted(kubectl: Kubectl, namespace: str, overlay_name: str) -> None:
    spec = {"restartPolicy": "Never", **_step(overlay_name, "Trainer")}
    job = {"backoffLimit": 0, "ttlSecondsAfterFinished": 600, "template": {"spec": spec}}
    assert _refusals(kubectl, _object("batch/v1", "Job", namespace, job)) == ""


@pytest.mark.parametrize("overlay_name", OVERLAYS)
def test_tfjob_and_the_pods_of_its_replicas_are_admitted(
    kubectl: Kubectl, namespace: str, overlay: Path, overlay_name: str
) -> None:
    job = json.loads(render_tfjob(load_platform(overlay_name), "lodestar/pipelines:dev"))
    job["metadata"] = {"name": "admitted", "namespace": namespace}
    assert _refusals(kubectl, job) == ""
    # Admission looks at pods, which the operator makes later, so they are asked about here.
    for replica in job["spec"]["tfReplicaSpecs"].values():
        assert _refusals(kubectl, _object("v1", "Pod", namespace, replica["template"]["spec"])) == ""


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}}, "runAsNonRoot != true"),
        ({"securityContext": {"runAsNonRoot": True}}, "seccompProfile"),
        ({"hostNetwork": True}, "host namespaces"),
        (
            {"volumes": [{"name": name, "hostPath": {"path": "/"}} for name in ("lodestar", "tmp")]},
            "restricted volume types",
        ),
    ],
)
def test_a_pod_that_asks_for_more_is_refused(
    kubectl: Kubectl, namespace: str, change: Pod, complaint: str
) -> None:
    pod = _object("v1", "Pod", namespace, {**_step("kind-cpu", "Ingest"), **change})
    assert complaint in _refusals(kubectl, pod)


def _step(overlay_name: str, node: str) -> Pod:
    platform = load_platform(overlay_name)
    settings = platform.step(node)
    container = {
        "name": "main",
        "image": "lodestar/pipelines:dev",
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "-m", "pipelines.kubeflow.step", "--node", node],
        "env": [{"name": name, "value": value} for name, value in settings.env.items()],
        "resources": pod_resources(settings),
        "securityContext": SECURITY,
        "volumeMounts": [
            {"name": "lodestar", "mountPath": "/lodestar"},
            {"name": "tmp", "mountPath": "/tmp"},
        ],
    }
    claim = {"name": "lodestar", "persistentVolumeClaim": {"claimName": "lodestar"}}
    return {
        "securityContext": POD_SECURITY,
        "containers": [container],
        "volumes": [claim, {"name": "tmp", "emptyDir": {}}],
    }


def _object(version: str, kind: str, namespace: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": "admitted", "namespace": namespace}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}


def _refusals(kubectl: Kubectl, manifest: dict[str, Any]) -> str:
    """What the server says against an object: an error or warnings; empty when it is admitted."""
    done = kubectl("create", "--dry-run=server", "--filename=-", input=json.dumps(manifest), check=False)
    assert done.returncode == 0 or done.stderr
    return done.stderr
