"""The lab overlay under load: what happens to its pods and deployments costs no request.

The load is asked by what the gateway asks with, in a pod, by the servers' names. Models are toys that answer
with their version's number; servers, names and verbs are real.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import tensorflow as tf
import yaml

from components.artifact import publish
from tests.cluster.conftest import IMAGE, LOAD, POD_SECURITY, RESTRICTED, SECURITY, Kubectl, apply, eventually
from tests.cluster.overlays import platform, rewritten
from tests.contract.models import HalfPlusTwo

MODEL = "matrix-factorization"
SERVERS = f"app.kubernetes.io/component=serving,app.kubernetes.io/instance={MODEL}"
DEPLOYMENT = f"deployment/lodestar-serving-{MODEL}"
CLIENT = Path(__file__).with_name("load_client.py")
# Two small cores start several pods that import TensorFlow.
LONG = 240.0
Verb = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def place(kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Return a restricted namespace with the lab overlay in it, and the folder that pods see as /lodestar."""
    name = f"lodestar-test-{secrets.token_hex(3)}"
    folder = Path(os.environ.get("LODESTAR_TEST_FOLDER", "/var/lodestar")) / name
    for version in (1, 2, 3):
        push(folder, version, tmp_path_factory.mktemp("model"))
    (folder / "load").mkdir()
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, 1000, 1000)
    labels = {**RESTRICTED, "lodestar.test": "true"}
    apply(kubectl, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    manifest = rewritten("lab", name, tmp_path_factory.mktemp("lab"), folder)
    kubectl("apply", "--server-side", "--filename=-", input=manifest)
    yield name, folder
    kubectl("-n", name, "delete", "horizontalpodautoscalers,deployments", "--all", "--wait=false")
    kubectl("-n", name, "delete", "pods", "--all", "--force", "--grace-period=0")
    kubectl("delete", "namespace", name, "--wait=true", "--timeout=180s")
    kubectl("delete", "persistentvolume", name, "--wait=false")
    shutil.rmtree(folder, ignore_errors=True)


def push(folder: Path, version: int, scratch: Path) -> None:
    model = HalfPlusTwo(version=version)
    signatures = {"serving_default": model.versioned}
    tf.saved_model.save(model, str(scratch / "model"), signatures=signatures)
    pushed = publish(scratch / "model", folder / "serving" / MODEL, {"family": MODEL})
    assert pushed.name == str(version)


@pytest.fixture(scope="module")
def namespace(place: tuple[str, Path]) -> str:
    return place[0]


@pytest.fixture(scope="module")
def deployer(kubectl: Kubectl, namespace: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a kubeconfig that has the rights of `lodestar-deployer` and no others."""
    token = kubectl("-n", namespace, "create", "token", "lodestar-deployer", "--duration=1h").stdout.strip()
    config = yaml.safe_load(kubectl("config", "view", "--raw", "--minify").stdout)
    config["users"] = [{"name": user["name"], "user": {"token": token}} for user in config["users"]]
    file = tmp_path_factory.mktemp("deployer") / "kubeconfig"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def verb(place: tuple[str, Path], deployer: Path, tmp_path_factory: pytest.TempPathFactory) -> Verb:
    """`verb("deploy", "--version", "2")`: the verb for the model, as a deployer gives it."""
    overlay = tmp_path_factory.mktemp("overlay")
    settings = {**platform("lab"), "namespace": place[0]}
    (overlay / "platform.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")

    def run(name: str, *options: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pipelines", name, MODEL, *options]
        done = subprocess.run(
            [*command, "--on", "cluster", "--overlay", str(overlay)],
            capture_output=True,
            text=True,
            timeout=400,
            env={**os.environ, "KUBECONFIG": str(deployer)},
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    return run


@pytest.fixture(scope="module")
def servers(kubectl: Kubectl, namespace: str, verb: Verb) -> Callable[[], list[dict[str, Any]]]:
    """Return what lists the pods that serve; version 1 is deployed and two of them are ready."""
    verb("deploy", "--version", "1")

    def ready() -> list[dict[str, Any]]:
        listed = kubectl("-n", namespace, "get", "pods", f"--selector={SERVERS}", "--output=json").stdout
        return [pod for pod in json.loads(listed)["items"] if is_ready(pod)]

    eventually(lambda: len(ready()) == 2, LONG, "two ready servers")
    return ready


def is_ready(pod: dict[str, Any]) -> bool:
    conditions = {one["type"]: one["status"] for one in pod["status"].get("conditions", [])}
    return conditions.get("Ready") == "True" and "deletionTimestamp" not in pod["metadata"]


@dataclass
class Load:
    """Requests that are being asked all the time."""

    folder: Path

    def progress(self) -> dict[str, Any]:
        file = self.folder / "progress.json"
        return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}

    def later(self, windows: int = 3) -> dict[str, Any]:
        """Return the progress after so many more windows of time, and nothing must have failed until then."""
        end = self.progress().get("windows", 0) + windows
        found: dict[str, Any] = eventually(
            lambda: now if (now := self.progress()).get("windows", 0) >= end else {}, LONG, "progress"
        )
        assert found["failures"] == []
        return found


@pytest.fixture(scope="module")
def load(
    request: pytest.FixtureRequest, kubectl: Kubectl, place: tuple[str, Path], servers: Any
) -> Iterator[Load]:
    namespace, folder = place
    apply(kubectl, *_client(namespace))
    found = Load(folder / "load")
    eventually(lambda: found.progress().get("versions"), LONG, "the first answer")
    yield found
    (found.folder / "stop").touch()
    total = found.progress()
    request.config.stash[LOAD] = (
        f"{total['requests']:,} requests, {len(total['failures'])} failed, {total['retries']} repeated, "
        f"slowest {total['slowest_s']} s"
    )


def _client(namespace: str) -> Iterator[dict[str, Any]]:
    script = {"metadata": {"name": "load", "namespace": namespace}, "data": {CLIENT.name: CLIENT.read_text()}}
    yield {"apiVersion": "v1", "kind": "ConfigMap", **script}
    arguments = [MODEL, f"lodestar-servers-{MODEL}:8500", "/lodestar/load"]
    container = {
        "name": "client",
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", f"/script/{CLIENT.name}", *arguments],
        "resources": {
            "requests": {"cpu": "50m", "memory": "256Mi"},
            "limits": {"cpu": "500m", "memory": "2Gi"},
        },
        "securityContext": SECURITY,
        "volumeMounts": [
            {"name": "script", "mountPath": "/script"},
            {"name": "lodestar", "mountPath": "/lodestar"},
            {"name": "tmp", "mountPath": "/tmp"},
        ],
    }
    volumes = [
        {"name": "script", "configMap": {"name": "load"}},
        {"name": "lodestar", "persistentVolumeClaim": {"claimName": "lodestar"}},
        {"name": "tmp", "emptyDir": {}},
    ]
    # With the gateway's labels it may connect to servers, but no Service sends it requests.
    labels = {"app.kubernetes.io/part-of": "lodestar", "app.kubernetes.io/component": "gateway"}
    spec = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": POD_SECURITY,
        "containers": [container],
        "volumes": volumes,
    }
    metadata = {"name": "load", "namespace": namespace, "labels": labels}
    yield {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def test_replicas_take_turns(load: Load, servers: Any) -> None:
    load.later()
    for pod in servers():
        url = f"http://{pod['status']['podIP']}:8501/monitoring/prometheus/metrics"
        assert (
            ':tensorflow:serving:request_count{model_name="matrix-factorization",status="OK"}'
            in requests.get(url, timeout=10).text
        )


def test_rolling_restart_fails_no_request(kubectl: Kubectl, namespace: str, load: Load, servers: Any) -> None:
    before = {pod["metadata"]["name"] for pod in servers()}
    kubectl("-n", namespace, "rollout", "restart", DEPLOYMENT)
    kubectl("-n", namespace, "rollout", "status", DEPLOYMENT, f"--timeout={LONG:.0f}s")
    gone = ("wait", "--for=delete", f"--timeout={LONG:.0f}s", *(f"pod/{name}" for name in before))
    kubectl("-n", namespace, *gone)
    assert load.later()["versions"] == [1]
    assert not before & {pod["metadata"]["name"] for pod in servers()}


def test_killed_server_fails_no_request(kubectl: Kubectl, namespace: str, load: Load, servers: Any) -> None:
    victim = servers()[0]
    [pid] = processes_of(victim)
    os.kill(pid, signal.SIGKILL)
    load.later()
    name = victim["metadata"]["name"]
    eventually(lambda: name in _restarted(servers()), LONG, "the restart")
    assert load.later()["versions"] == [1]


def _restarted(pods: list[dict[str, Any]]) -> set[str]:
    return {p["metadata"]["name"] for p in pods if p["status"]["containerStatuses"][0]["restartCount"]}


def processes_of(pod: dict[str, Any]) -> list[int]:
    """Return the pod's processes of the model server; the node is this machine."""
    uid = pod["metadata"]["uid"]
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            groups = (folder / "cgroup").read_text(encoding="utf-8").replace("_", "-")
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if uid in groups and b"components.serving" in command:
            found.append(int(folder.name))
    return found


def test_drain_takes_one_server_at_a_time_and_fails_no_request(
    kubectl: Kubectl, namespace: str, load: Load, servers: Any
) -> None:
    first, second = (pod["metadata"]["name"] for pod in servers())
    assert _evict(kubectl, namespace, first).returncode == 0
    refused = _evict(kubectl, namespace, second)
    assert "violate the pod's disruption budget" in refused.stderr
    kubectl("-n", namespace, "wait", "--for=delete", f"pod/{first}", f"--timeout={LONG:.0f}s")
    eventually(lambda: len(servers()) == 2, LONG, "the replacement")
    assert load.later()["versions"] == [1]


def _evict(kubectl: Kubectl, namespace: str, pod: str) -> subprocess.CompletedProcess[str]:
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod, "namespace": namespace},
    }
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}/eviction"
    return kubectl("create", "--raw", path, "--filename=-", input=json.dumps(eviction), check=False)


def test_promote_and_rollback_fail_no_request(load: Load, verb: Verb) -> None:
    verb("deploy", "--version", "2", "--canary", "10")
    assert load.later()["versions"] == [1]
    verb("promote")
    assert load.later()["versions"] == [2]
    verb("rollback")
    assert load.later()["versions"] == [1]


def test_version_that_does_not_load_changes_nothing(load: Load, verb: Verb, place: tuple[str, Path]) -> None:
    (place[1] / "serving" / MODEL / "3" / "saved_model.pb").write_bytes(b"not a model")
    failed = verb("deploy", "--version", "3", code=1)
    assert "saved_model.pb" in failed.stderr and "Version 1 serves as before." in failed.stderr
    assert load.later()["versions"] == [1]


def test_gateway_in_the_cluster_sees_the_servers(kubectl: Kubectl, namespace: str, load: Load) -> None:
    kubectl("-n", namespace, "rollout", "status", "deployment/lodestar-gateway", f"--timeout={LONG:.0f}s")
    address = ("get", "service", "lodestar-gateway", "--output=jsonpath={.spec.clusterIP}")
    url = f"http://{kubectl('-n', namespace, *address).stdout}"
    models = {one["name"]: one for one in requests.get(f"{url}/v1/models", timeout=30).json()["models"]}
    states = {one["version"]: one["state"] for one in models[MODEL]["versions"]}
    assert states[1] == "AVAILABLE"
    # From the mounted ConfigMap, which comes up to a minute late; requests go by the servers' labels.
    assert models[MODEL]["stable"] in (1, 2)
    assert requests.get(f"{url}/", timeout=30).status_code == 200


def test_applying_again_takes_no_deployment_back(
    kubectl: Kubectl, place: tuple[str, Path], load: Load, servers: Any, tmp_path: Path
) -> None:
    namespace, folder = place
    before = {pod["metadata"]["name"] for pod in servers()}
    kubectl("apply", "--server-side", "--filename=-", input=rewritten("lab", namespace, tmp_path, folder))
    load.later()
    assert {pod["metadata"]["name"] for pod in servers()} == before
    models = ("get", "configmap", "lodestar-models", "--output=json")
    data = json.loads(kubectl("-n", namespace, *models).stdout)["data"]
    assert f"{MODEL}.config" in data
