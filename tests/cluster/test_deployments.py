"""What is deployed, in a ConfigMap of a real API server; and the way to a pod's port through it."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Iterator

import kubernetes
import pytest
import requests

from components.deployment.config import Wanted
from components.deployment.history import Change
from components.deployment.state import Canary, Deployment
from components.deployment.store import Superseded
from components.errors import InputError
from pipelines.kubeflow.connection import find_cluster
from pipelines.kubeflow.deployments import CONFIG_MAP, ConfigMapStore, PodFleet
from pipelines.kubeflow.port_forward import PortForward
from tests.cluster.conftest import IMAGE, POD_SECURITY, RESTRICTED, SECURITY, Kubectl, apply

FAMILY = "text-search"
DEPLOYERS, CHANGES = 3, 8


@pytest.fixture(scope="module")
def place(kubectl: Kubectl) -> Iterator[str]:
    name = f"lodestar-test-{secrets.token_hex(3)}"
    labels = {**RESTRICTED, "lodestar.test": "true"}
    apply(kubectl, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def store(kubectl: Kubectl, place: str) -> Iterator[ConfigMapStore]:
    metadata = {"name": CONFIG_MAP, "namespace": place}
    apply(kubectl, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
    yield ConfigMapStore(find_cluster(), place, "/lodestar/serving")
    kubectl("-n", place, "delete", "configmap", CONFIG_MAP)


def change(action: str = "deploy") -> Change:
    return Change(FAMILY, action, None, 1, by="somebody@somewhere")


def data(store: ConfigMapStore) -> dict[str, str]:
    core = kubernetes.client.CoreV1Api(store.cluster.api)
    return core.read_namespaced_config_map(CONFIG_MAP, store.namespace).data


def test_pods_get_the_list_of_models_that_follows_from_what_is_deployed(store: ConfigMapStore) -> None:
    assert (store.read(), store.history()) == ({}, [])
    done = store.swap(FAMILY, None, Deployment(4, Canary(5, 10), 3), change("canary"))
    assert store.read() == {FAMILY: done}
    assert [entry.action for entry in store.history()] == ["canary"]
    text = data(store)[f"{FAMILY}.config"]
    assert f'base_path: "/lodestar/serving/{FAMILY}"' in text
    assert text.count("versions: ") == 3 and 'key: "canary"' in text
    assert json.loads(data(store)["deployments.json"])[FAMILY]["revision"] == 1


def test_version_that_is_being_loaded_is_not_what_new_pods_start_with(store: ConfigMapStore) -> None:
    store.swap(FAMILY, None, Deployment(4, loading=5))
    assert "5" not in data(store)[f"{FAMILY}.config"]


def test_removed_deployment_leaves_its_history(store: ConfigMapStore) -> None:
    done = store.swap(FAMILY, None, Deployment(4), change())
    store.swap(FAMILY, done, None, change("failed"))
    assert store.read() == {}
    assert f"{FAMILY}.config" not in data(store)
    assert [entry.action for entry in store.history()] == ["deploy", "failed"]


def test_stale_change_is_refused(store: ConfigMapStore) -> None:
    first = store.swap(FAMILY, None, Deployment(4))
    store.swap(FAMILY, first, Deployment(5), change("rollback"))
    with pytest.raises(Superseded, match="rollback by somebody@somewhere"):
        store.swap(FAMILY, first, Deployment(6))


def test_deployers_of_several_families_at_once_lose_no_change(store: ConfigMapStore) -> None:
    def deploy(family: str) -> None:
        mine = ConfigMapStore(find_cluster(), store.namespace, "/models")
        before = None
        for version in range(1, CHANGES + 1):
            before = mine.swap(family, before, Deployment(version), change())

    deployers = [threading.Thread(target=deploy, args=(f"family-{n}",)) for n in range(DEPLOYERS)]
    for deployer in deployers:
        deployer.start()
    for deployer in deployers:
        deployer.join()
    assert {name: kept.revision for name, kept in store.read().items()} == {
        f"family-{n}": CHANGES for n in range(DEPLOYERS)
    }
    assert len(store.history()) == DEPLOYERS * CHANGES


def test_history_is_cut_before_the_object_grows_too_large(store: ConfigMapStore) -> None:
    core = kubernetes.client.CoreV1Api(store.cluster.api)
    old = change().line() * 250
    core.patch_namespaced_config_map(CONFIG_MAP, store.namespace, {"data": {"deployments.jsonl": old}})
    store.swap(FAMILY, None, Deployment(4), change("rollback"))
    assert len(store.history()) == 200
    assert store.history()[-1].action == "rollback"


def test_servers_of_one_family_are_told_of_no_other(store: ConfigMapStore) -> None:
    store.swap("matrix-factorization", None, Deployment(1))
    config = store.server_config(Wanted.of(FAMILY, Deployment(4)))
    assert [model.name for model in config.model_config_list.config] == [FAMILY]


def test_missing_config_map_says_what_to_apply(place: str) -> None:
    with pytest.raises(InputError) as caught:
        ConfigMapStore(find_cluster(), place, "/models").read()
    assert "kubectl apply -k manifests/overlays/" in caught.value.cure


@pytest.fixture(scope="module")
def pod(kubectl: Kubectl, place: str) -> str:
    """A pod that answers HTTP on port 8500 with the names of the files that it sees."""
    container = {
        "name": "server",
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "-m", "http.server", "8500", "--directory", "/etc"],
        "resources": {
            "requests": {"cpu": "10m", "memory": "64Mi"},
            "limits": {"cpu": "1", "memory": "128Mi"},
        },
        "readinessProbe": {"tcpSocket": {"port": 8500}, "periodSeconds": 1},
        "securityContext": SECURITY,
    }
    labels = {"app.kubernetes.io/component": "serving", "app.kubernetes.io/instance": FAMILY}
    spec = {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
        "securityContext": POD_SECURITY,
        "containers": [container],
    }
    metadata = {"name": "server", "namespace": place, "labels": labels}
    apply(kubectl, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    kubectl("-n", place, "wait", "--for=condition=Ready", "pod/server", "--timeout=120s")
    return "server"


def test_port_of_a_pod_is_reached_through_the_api_server(place: str, pod: str) -> None:
    with PortForward(find_cluster(), place, pod, 8500) as forward:
        asked = [f"http://{forward.address}/" for _ in range(5)]
        assert ["hostname" in requests.get(url, timeout=30).text for url in asked] == [True] * 5
        threads = [
            threading.Thread(target=requests.get, args=(url,), kwargs={"timeout": 30}) for url in asked
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://{forward.address}/", timeout=5)


def test_port_that_nobody_listens_on_breaks_the_connection(place: str, pod: str) -> None:
    with PortForward(find_cluster(), place, pod, 9999) as forward, pytest.raises(requests.ConnectionError):
        requests.get(f"http://{forward.address}/", timeout=20)


def test_servers_are_the_pods_that_are_ready(place: str, pod: str, kubectl: Kubectl) -> None:
    fleet = PodFleet(find_cluster(), place, FAMILY)
    assert [server.name for server in fleet.servers()] == [pod]
    assert (list(fleet.starting()), fleet.trouble()) == ([], "")
    assert PodFleet(find_cluster(), place, "matrix-factorization").servers() == []
    fleet.close()
