"""A namespace of a real cluster with the platform in it; all tests here are skipped without KUBECONFIG.

Volumes are folders of the node, so the node's file system has to be this machine's, at least at
LODESTAR_TEST_FOLDER (default /var/lodestar).
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.overlays import ROOT, rewritten

IMAGE = os.environ.get("LODESTAR_TEST_IMAGE", "lodestar/pipelines:dev")
RESTRICTED = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn", "audit")}
SECURITY = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
POD_SECURITY = {
    "runAsNonRoot": True,
    "runAsUser": 1000,
    "runAsGroup": 1000,
    "seccompProfile": {"type": "RuntimeDefault"},
}
Kubectl = Callable[..., subprocess.CompletedProcess[str]]
# (pipeline, node) -> seconds by stage, as the steps print them.
STAGES = pytest.StashKey[dict[tuple[str, str], dict[str, float]]]()
# What was asked of model servers while things happened to them, and what came of it.
LOAD = pytest.StashKey[str]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get("KUBECONFIG"):
        return
    reason = "KUBECONFIG is not set: export the path of a cluster's kubeconfig to run the cluster tests"
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.skip(reason=reason))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config
) -> None:
    if LOAD in config.stash:
        terminalreporter.section("requests to model servers under load")
        terminalreporter.line(config.stash[LOAD])
    measured = config.stash.get(STAGES, {})
    if not measured:
        return
    terminalreporter.section("seconds by stage of every step, in its pod")
    names = list(next(iter(measured.values())))
    terminalreporter.line(f"{'':<38}" + "".join(f"{name:>10}" for name in names))
    for (pipeline, node), stages in measured.items():
        cells = "".join(f"{stages[name]:10.1f}" for name in names)
        terminalreporter.line(f"{pipeline + ' ' + node:<38}{cells}")


def run_kubectl(
    *arguments: str, input: str | None = None, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run kubectl; what it printed is in the error when it fails and `check` is true."""
    done = subprocess.run(["kubectl", *arguments], input=input, capture_output=True, text=True, timeout=300)
    if check and done.returncode:
        raise AssertionError(f"kubectl {' '.join(arguments)}\n{done.stdout}{done.stderr}")
    return done


@pytest.fixture(scope="session")
def kubectl() -> Kubectl:
    """`kubectl(*arguments, input=None, check=True)`."""
    return run_kubectl


@pytest.fixture(scope="session")
def namespace(kubectl: Kubectl) -> Iterator[str]:
    """A fresh namespace that enforces the restricted Pod Security Standard; deleted at the end."""
    name = f"lodestar-test-{secrets.token_hex(3)}"
    labels = {**RESTRICTED, "lodestar.test": "true"}
    apply(kubectl, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    yield name
    kubectl("delete", "namespace", name, "--wait=true", "--timeout=180s")
    # Only now does nobody write there.
    shutil.rmtree(_folder(name), ignore_errors=True)


def _folder(namespace: str) -> Path:
    return Path(os.environ.get("LODESTAR_TEST_FOLDER", "/var/lodestar")) / namespace


@pytest.fixture(scope="session")
def overlay(kubectl: Kubectl, namespace: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The kind-cpu overlay applied into `namespace`; yields the folder that pods see as /lodestar."""
    folder = _folder(namespace)
    folder.mkdir(parents=True)
    os.chown(folder, 1000, 1000)
    manifest = rewritten("kind-cpu", namespace, tmp_path_factory.mktemp("overlay"), folder)
    kubectl("apply", "--server-side", "--filename=-", input=manifest)
    bound = ("--for=jsonpath={.status.phase}=Bound", "pvc/lodestar", "--timeout=60s")
    kubectl("--namespace", namespace, "wait", *bound)
    yield folder
    kubectl("delete", "persistentvolume", namespace, "--wait=false")


@pytest.fixture(scope="session")
def metadata(kubectl: Kubectl, namespace: str) -> str:
    """ML Metadata as `metadata-grpc-service` in `namespace`, in a pod of the image; yields host:port."""
    start_metadata(kubectl, namespace)
    return f"metadata-grpc-service.{namespace}.svc:8080"


def start_metadata(kubectl: Kubectl, namespace: str) -> None:
    """Start the pod, the service and the server's code; return when it answers."""
    server = (ROOT / "tests/mlmd_server.py").read_text(encoding="utf-8")
    labels = {"component": "metadata-grpc-server"}
    port = {"port": 8080, "targetPort": 8080, "name": "grpc-api"}
    apply(
        kubectl,
        _named(namespace, "v1", "ConfigMap", "mlmd-server", {"data": {"mlmd_server.py": server}}),
        _named(
            namespace,
            "v1",
            "Service",
            "metadata-grpc-service",
            {"spec": {"selector": labels, "ports": [port]}},
        ),
        _metadata_pod(namespace, labels),
    )
    kubectl("--namespace", namespace, "wait", "--for=condition=Ready", "pod/metadata-grpc", "--timeout=180s")


def _metadata_pod(namespace: str, labels: dict[str, str]) -> dict[str, Any]:
    container = {
        "name": "server",
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "/server/mlmd_server.py", "--address=0.0.0.0:8080", "--sqlite=/data/mlmd.db"],
        "ports": [{"containerPort": 8080}],
        "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1},
        "resources": {
            "requests": {"cpu": "50m", "memory": "256Mi"},
            "limits": {"cpu": "1", "memory": "1Gi"},
        },
        "securityContext": SECURITY,
        "volumeMounts": [{"name": "server", "mountPath": "/server"}, {"name": "data", "mountPath": "/data"}],
    }
    spec = {
        "automountServiceAccountToken": False,
        "securityContext": {**POD_SECURITY, "fsGroup": 1000},
        "containers": [container],
        "volumes": [
            {"name": "server", "configMap": {"name": "mlmd-server"}},
            {"name": "data", "emptyDir": {}},
        ],
    }
    pod = _named(namespace, "v1", "Pod", "metadata-grpc", {"spec": spec})
    pod["metadata"]["labels"] = labels
    return pod


def _named(namespace: str, version: str, kind: str, name: str, content: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **content}


def apply(kubectl: Kubectl, *objects: dict[str, Any]) -> None:
    """Apply objects server-side."""
    kubectl("apply", "--server-side", "--filename=-", input=yaml.safe_dump_all(objects))


def eventually(look: Callable[[], Any], seconds: float, what: str) -> Any:
    """Return what `look` gives once it is true; fail with `what` after `seconds`."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, f"{what} did not happen within {seconds:.0f} s"
        time.sleep(0.2)
    return found
