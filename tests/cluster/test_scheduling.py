"""Where the pods of the gpu and tpu overlays go, decided by the real scheduler among labelled, tainted nodes.

Every pool has a decoy beside it: the same resources and taint under another accelerator's name.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pipelines.kubeflow.platform import Platform, PodSettings, load_platform
from pipelines.kubeflow.tfjob import pod_resources, render_tfjob
from tests.cluster.conftest import POD_SECURITY, RESTRICTED, SECURITY, Kubectl, apply, eventually
from tests.cluster.nodes import Pool, only_here, pools
from tests.cluster.overlays import rewritten

L4, T4 = ({"cloud.google.com/gke-accelerator": f"nvidia-{name}"} for name in ("l4", "tesla-t4"))
_TPU, _TOPOLOGY = "cloud.google.com/gke-tpu-accelerator", "cloud.google.com/gke-tpu-topology"
V5E = {_TPU: "tpu-v5-lite-podslice", _TOPOLOGY: "2x2"}
ONE_GPU, FOUR_CHIPS = {"nvidia.com/gpu": "1"}, {"google.com/tpu": "4"}
POOLS = (
    Pool("cpu", 3),
    Pool("gpu", 3, L4, ONE_GPU, "nvidia.com/gpu"),
    Pool("gpu-decoy", 2, T4, ONE_GPU, "nvidia.com/gpu"),
    Pool("tpu", 3, V5E, FOUR_CHIPS, "google.com/tpu"),
    Pool("tpu-decoy", 2, {**V5E, _TOPOLOGY: "2x4"}, FOUR_CHIPS, "google.com/tpu"),
)
Where = Callable[[str], dict[str, str]]


@pytest.fixture(params=["gpu", "tpu"])
def overlay_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def run() -> str:
    return f"pool-{secrets.token_hex(3)}"


@pytest.fixture
def own_namespace(kubectl: Kubectl, overlay_name: str, run: str, tmp_path: Any) -> Iterator[str]:
    """A namespace with the whole overlay in it: its quota and limits have their say."""
    metadata = {"name": run, "labels": RESTRICTED}
    apply(kubectl, {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    kubectl("apply", "--server-side", "--filename=-", input=rewritten(overlay_name, run, tmp_path))
    yield run
    # Nobody runs these pods, so nobody would confirm that they have ended.
    kubectl("-n", run, "delete", "tfjobs.kubeflow.org", "--all", "--wait=false", check=False)
    kubectl("-n", run, "delete", "pods", "--all", "--force", "--grace-period=0", "--wait=false")
    kubectl("delete", "namespace", run, "--wait=false")


@pytest.fixture
def owners(kubectl: Kubectl, own_namespace: str, run: str) -> Iterator[dict[str, str]]:
    with pools(kubectl, run, *POOLS) as found:
        yield found


@pytest.fixture
def where(kubectl: Kubectl, own_namespace: str, owners: dict[str, str]) -> Where:
    """Pod -> pool of all pods that a selector finds, empty while one has no node."""

    def look(selector: str) -> dict[str, str]:
        items = _pods(kubectl, own_namespace, selector)
        nodes = {pod["metadata"]["name"]: pod["spec"].get("nodeName", "") for pod in items}
        return {name: owners[node] for name, node in nodes.items()} if all(nodes.values()) else {}

    return look


def test_every_step_lands_on_its_pool(
    kubectl: Kubectl, own_namespace: str, run: str, overlay_name: str, where: Where
) -> None:
    platform = load_platform(overlay_name)
    steps = ["Ingest", "StatisticsGen", "Transform", "Evaluator", *platform.steps]
    apply(kubectl, *(_pod(own_namespace, run, node, platform.step(node)) for node in steps))
    found = eventually(lambda: where("step"), 40, "binding of all steps")
    wanted = {node.lower(): overlay_name if node == "Trainer" else "cpu" for node in steps}
    assert found == wanted


def test_replicas_of_a_tfjob_land_on_their_pool(
    kubectl: Kubectl, own_namespace: str, run: str, overlay_name: str, where: Where
) -> None:
    job = _tfjob(load_platform(overlay_name), own_namespace, run, {"Chief": 1, "Worker": 2, "PS": 1})
    apply(kubectl, job)
    selector = f"training.kubeflow.org/job-name={job['metadata']['name']}"
    found = eventually(
        lambda: pods if len(pods := where(selector)) == 4 else {}, 60, "binding of all replicas"
    )
    prefix = job["metadata"]["name"]
    wanted = {f"{prefix}-{role}": overlay_name for role in ("chief-0", "worker-0", "worker-1")}
    assert found == {**wanted, f"{prefix}-ps-0": "cpu"}


def test_a_cpu_step_waits_rather_than_take_an_accelerator(
    kubectl: Kubectl, own_namespace: str, run: str, overlay_name: str, owners: dict[str, str]
) -> None:
    for node in (name for name, pool in owners.items() if pool == "cpu"):
        kubectl("cordon", node)
    apply(kubectl, _pod(own_namespace, run, "Transform", load_platform(overlay_name).step("Transform")))
    message = eventually(lambda: _refusal(kubectl, own_namespace, "transform"), 40, "a refusal")
    assert "untolerated taint {nvidia.com/gpu: present}" in message
    assert "untolerated taint {google.com/tpu: present}" in message


def test_a_trainer_waits_when_its_pool_is_full(
    kubectl: Kubectl, own_namespace: str, run: str, overlay_name: str, where: Where
) -> None:
    trainer = load_platform(overlay_name).step("Trainer")
    names = [f"Trainer-{number}" for number in range(3)]
    apply(kubectl, *(_pod(own_namespace, run, name, trainer) for name in names))
    assert set(eventually(lambda: where("step"), 40, "binding").values()) == {overlay_name}
    apply(kubectl, _pod(own_namespace, run, "one-more", trainer))
    message = eventually(lambda: _refusal(kubectl, own_namespace, "one-more"), 40, "a refusal")
    assert f"3 Insufficient {trainer.accelerator.resource}" in message


def _pod(namespace: str, run: str, node: str, settings: PodSettings) -> dict[str, Any]:
    container = {
        "name": "main",
        "image": "lodestar/pipelines:dev",
        "resources": pod_resources(settings),
        "securityContext": SECURITY,
    }
    spec = {
        "securityContext": POD_SECURITY,
        "containers": [container],
        "nodeSelector": settings.node_selector,
        "tolerations": [one.model_dump(exclude_defaults=True) for one in settings.tolerations],
    }
    metadata = {"name": node.lower(), "namespace": namespace, "labels": {"step": "true"}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": only_here(run, spec)}


def _tfjob(platform: Platform, namespace: str, run: str, replicas: dict[str, int]) -> dict[str, Any]:
    job = json.loads(render_tfjob(platform, "lodestar/pipelines:dev"))
    job["metadata"] = {"name": "scheduled", "namespace": namespace}
    specs = job["spec"]["tfReplicaSpecs"]
    job["spec"]["tfReplicaSpecs"] = {
        kind: {**specs[kind], "replicas": count} for kind, count in replicas.items()
    }
    for spec in job["spec"]["tfReplicaSpecs"].values():
        # The claim's class is the provider's, so it cannot be mounted; the question is where the pod goes.
        pod = {**spec["template"]["spec"], "volumes": [], "containers": _unmounted(spec["template"]["spec"])}
        spec["template"]["spec"] = only_here(run, pod)
    return job


def _unmounted(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**container, "volumeMounts": []} for container in spec["containers"]]


def _pods(kubectl: Kubectl, namespace: str, selector: str) -> list[dict[str, Any]]:
    listed = kubectl("-n", namespace, "get", "pods", f"--selector={selector}", "--output=json").stdout
    return json.loads(listed)["items"]


def _refusal(kubectl: Kubectl, namespace: str, pod: str) -> str:
    (found,) = (p for p in _pods(kubectl, namespace, "step") if p["metadata"]["name"] == pod)
    assert not found["spec"].get("nodeName"), f"{pod} went to {found['spec']['nodeName']}"
    conditions = found["status"].get("conditions", [])
    return next((c.get("message", "") for c in conditions if c.get("reason") == "Unschedulable"), "")
