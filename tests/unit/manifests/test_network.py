"""Who may connect to whom, as a table; `network.py` reads the policies of the built overlay."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipelines.kubeflow.platform import load_platform
from pipelines.kubeflow.tfjob import render_tfjob
from tests.unit.manifests.network import Pod, connects

_OURS = {"app.kubernetes.io/part-of": "lodestar"}


def ours(component: str, **labels: str) -> Pod:
    return Pod({**_OURS, "app.kubernetes.io/component": component, **labels})


STEP, SWEEP, PUSHER, TRIAL = map(ours, ("pipeline", "sweep", "pusher", "trial"))
SERVER, GATEWAY, DEPLOYER = map(ours, ("serving", "gateway", "deployer"))
_JOB = {"training.kubeflow.org/job-name": "job"}
REPLICA = ours("training", **_JOB)
DRIVER = Pod({"pipelines.kubeflow.org/v2_component": "true"})
STRANGER = Pod({"app": "stranger"})
DNS = Pod({"k8s-app": "kube-dns"}, "kube-system")
METADATA = Pod({"component": "metadata-grpc-server"}, "kubeflow")
API = Pod({"app": "ml-pipeline"}, "kubeflow")
STORE = Pod({"app": "seaweedfs"}, "kubeflow")
PROMETHEUS = Pod({"app.kubernetes.io/name": "prometheus"}, "monitoring")
OUTSIDE = Pod(is_pod=False)

OPEN = [
    (STEP, DNS, 53),
    (STEP, METADATA, 8080),
    (STEP, API, 8887),
    (STEP, STORE, 8333),
    (STEP, OUTSIDE, 443),
    (STEP, OUTSIDE, 6443),
    (SWEEP, OUTSIDE, 6443),
    (PUSHER, OUTSIDE, 443),
    (REPLICA, REPLICA, 2222),
    (REPLICA, DNS, 53),
    (TRIAL, DNS, 53),
    (GATEWAY, SERVER, 8500),
    (GATEWAY, DNS, 53),
    (GATEWAY, OUTSIDE, 5432),
    (OUTSIDE, GATEWAY, 8080),
    (API, GATEWAY, 8080),
    (DEPLOYER, SERVER, 8500),
    (DEPLOYER, OUTSIDE, 6443),
    (DEPLOYER, DNS, 53),
]
CLOSED = [
    (STEP, METADATA, 3306),
    (STEP, API, 80),
    (STEP, STRANGER, 8080),
    (STEP, REPLICA, 2222),
    (STEP, OUTSIDE, 22),
    (STEP, STEP, 8080),
    (SWEEP, METADATA, 8080),
    (SWEEP, STORE, 8333),
    (REPLICA, OUTSIDE, 443),
    (REPLICA, OUTSIDE, 6443),
    (REPLICA, METADATA, 8080),
    (REPLICA, REPLICA, 22),
    (REPLICA, STRANGER, 2222),
    (TRIAL, OUTSIDE, 443),
    (TRIAL, METADATA, 8080),
    (STRANGER, STEP, 8080),
    (STRANGER, REPLICA, 2222),
    (OUTSIDE, STEP, 8080),
    # A SavedModel is a program.
    (SERVER, DNS, 53),
    (SERVER, OUTSIDE, 443),
    (SERVER, OUTSIDE, 6443),
    (SERVER, METADATA, 8080),
    (SERVER, SERVER, 8500),
    (SERVER, GATEWAY, 8080),
    (STRANGER, SERVER, 8500),
    (STRANGER, SERVER, 8501),
    (OUTSIDE, SERVER, 8501),
    (STEP, SERVER, 8500),
    (PROMETHEUS, SERVER, 8501),
    (GATEWAY, OUTSIDE, 443),
    (GATEWAY, OUTSIDE, 6443),
    (GATEWAY, METADATA, 8080),
    (GATEWAY, SERVER, 22),
    (OUTSIDE, GATEWAY, 5432),
    (DEPLOYER, OUTSIDE, 5432),
    (DEPLOYER, GATEWAY, 8080),
]


def _policies(objects: tuple[dict[str, Any], ...]) -> list[dict[str, Any]]:
    return [one for one in objects if one["kind"] == "NetworkPolicy"]


@pytest.mark.parametrize(("source", "target", "port"), OPEN)
def test_what_is_needed_is_open(objects: Any, source: Pod, target: Pod, port: int) -> None:
    assert connects(_policies(objects), source, target, port)


@pytest.mark.parametrize(("source", "target", "port"), CLOSED)
def test_all_else_is_closed(objects: Any, source: Pod, target: Pod, port: int) -> None:
    assert not connects(_policies(objects), source, target, port)


@pytest.mark.parametrize("overlay", ["gpu", "tpu"])
@pytest.mark.parametrize(
    ("target", "port"), [(DNS, 53), (METADATA, 8080), (API, 8887), (STORE, 8333), (OUTSIDE, 6443)]
)
def test_drivers_of_kubeflow_work_in_a_team_namespace(objects: Any, target: Pod, port: int) -> None:
    assert connects(_policies(objects), DRIVER, target, port)


@pytest.mark.parametrize("overlay", ["gpu", "tpu"])
def test_strangers_are_cut_off_in_a_team_namespace(objects: Any) -> None:
    assert not connects(_policies(objects), STRANGER, DNS, 53)
    assert not connects(_policies(objects), OUTSIDE, STRANGER, 8080)


@pytest.mark.parametrize("overlay", ["kind-cpu"])
def test_others_keep_working_beside_us(objects: Any) -> None:
    assert connects(_policies(objects), STRANGER, METADATA, 3306)


def test_what_is_compiled_carries_the_labels_that_the_policies_select(
    objects: Any, platform_name: str
) -> None:
    settings = load_platform(platform_name)
    step = Pod(settings.labels)
    job = json.loads(render_tfjob(settings, "lodestar/pipelines:dev"))
    # The operator adds the job's name.
    labels = job["spec"]["tfReplicaSpecs"]["Worker"]["template"]["metadata"]["labels"]
    replica = Pod({**labels, **_JOB})
    assert connects(_policies(objects), step, METADATA, 8080)
    assert connects(_policies(objects), replica, replica, 2222)
    assert not connects(_policies(objects), replica, METADATA, 8080)
    assert not connects(_policies(objects), replica, OUTSIDE, 6443)
    assert not connects(_policies(objects), STRANGER, step, 8080)
