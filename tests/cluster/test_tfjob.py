"""Real TFJobs, started by a pod that does what the Trainer's step does, under real faults.

Faults come from the node's side, as they do in life: the training operator, the kubelet and this test's
signals. So the node has to be this machine; processes are found by the TF_CONFIG in their environment.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kubernetes
import pytest

from components.errors import LodestarError
from components.family import find_family
from components.tfjob.api import Kubernetes
from components.tfjob.template import VARIABLE, render
from pipelines.kubeflow.platform import PodSettings, Training, load_platform
from pipelines.kubeflow.tfjob import render_tfjob
from pipelines.settings import load_settings
from tests.cluster.conftest import IMAGE, POD_SECURITY, SECURITY, Kubectl, apply, eventually
from tests.prepared import Prepared, transform, write_raw
from tests.replicas import rank_four, rmse_of, train_here

EPOCHS, INTERVAL, STEP_TIMEOUT = 24, 3, 30.0
# Replicas start one after the other on a small node: each imports TensorFlow.
LONG = 300.0
SERVICE_ACCOUNT = "lodestar-pipeline"
STEP = Path(__file__).with_name("trainer_step.py")


@pytest.fixture(scope="module")
def settings() -> Any:
    changes = [f"train.epochs={EPOCHS}", "train.patience=100", "train.dimensions=16"]
    return load_settings(find_family("matrix-factorization"), overrides=changes)


@pytest.fixture(scope="module")
def prepared(overlay: Path, settings: Any) -> Prepared:
    """Return transformed ratings on the volume."""
    root = overlay / "ratings"
    write_raw(root, rank_four())
    found = transform(root, find_family("matrix-factorization"), settings)
    give_to_pods(root)
    return found


@pytest.fixture(scope="module")
def alone(prepared: Prepared, settings: Any, tmp_path_factory: pytest.TempPathFactory) -> float:
    """Return the RMSE of one process."""
    return train_here(prepared, settings, tmp_path_factory.mktemp("alone"))


def give_to_pods(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, 1000, 1000)


def template(image: str = IMAGE) -> str:
    """Return what the compiler puts into the Trainer's step; small requests, as the node is shared."""
    small = PodSettings(cpu="50m", memory="512Mi", cpu_limit="2", memory_limit="2Gi")
    platform = load_platform("kind-cpu")
    training = Training(chief=small, worker=small, ps=small)
    return render_tfjob(platform.model_copy(update={"training": training}), image)


@dataclass
class TrainerStep:
    """A pod that runs the Trainer's executor, and what it prints."""

    kubectl: Kubectl
    namespace: str
    folder: Path
    name: str

    @property
    def log(self) -> str:
        return self.kubectl("-n", self.namespace, "logs", self.name, check=False).stdout

    @property
    def job(self) -> str:
        """Return the TFJob's name."""
        [name] = set(re.findall(rf"the TFJob {self.namespace}/([a-z0-9-]+)", self.log))
        return name

    def phase(self) -> str:
        pod = self.kubectl("-n", self.namespace, "get", "pod", self.name, "-o", "json").stdout
        return str(json.loads(pod)["status"]["phase"])

    def wait_for(self, words: str, seconds: float = LONG) -> None:
        def look() -> bool:
            if words in self.log:
                return True
            assert self.phase() in ("Pending", "Running"), self.log
            return False

        eventually(look, seconds, f"`{words}` in the log of {self.name}")

    def finish(self) -> None:
        eventually(lambda: self.phase() in ("Succeeded", "Failed"), LONG, f"the end of {self.name}")
        assert self.phase() == "Succeeded", self.log

    def repeated(self) -> int:
        lines = re.findall(r"\[chief-0\] epoch (\d+): (train|refit) ", self.log)
        return sum(count - 1 for count in Counter(lines).values())

    def pid(self, role: str, index: int) -> int:
        """Return the process id, on this machine, of a replica of the job."""
        task, mine = f'"task": {{"index": {index}, "type": "{role}"}}', f"{self.job}-"
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                command = (folder / "cmdline").read_bytes()
                variables = (folder / "environ").read_bytes().decode().split("\0")
            except OSError:
                continue
            config = next((v[10:] for v in variables if v.startswith("TF_CONFIG=")), "")
            if b"components.distributed.replica" not in command or mine not in config:
                continue
            if json.loads(config)["task"] == {"type": role, "index": index}:
                return int(folder.name)
        raise AssertionError(f"no process on this machine is {task} of {self.job}")


@pytest.fixture
def start(
    kubectl: Kubectl, namespace: str, overlay: Path, prepared: Prepared, settings: Any, request: Any
) -> Iterator[Any]:
    """`start(image=IMAGE, **compute)`: run the step; it is deleted at the end, its job with it."""
    steps: list[TrainerStep] = []

    def begin(image: str = IMAGE, **compute: Any) -> TrainerStep:
        name = f"trainer-{len(list(overlay.glob('trainer-*')))}"
        folder = overlay / name
        folder.mkdir()
        fast = {"checkpoint_epochs": INTERVAL, "step_timeout_seconds": STEP_TIMEOUT, **compute}
        sections = json.loads(settings.model_dump_json(include={"transform", "train", "serve"}))
        (folder / "settings.json").write_text(json.dumps({**sections, "compute": fast}))
        (folder / "step.py").write_text(STEP.read_text(encoding="utf-8"))
        give_to_pods(folder)
        apply(kubectl, pod(namespace, name, template(image)))
        steps.append(TrainerStep(kubectl, namespace, folder, name))
        return steps[-1]

    yield begin
    for step in steps:
        kubectl("-n", namespace, "delete", "pod", step.name, "--wait=false", check=False)
        kubectl("-n", namespace, "delete", "tfjobs", "--all", "--wait=true", "--timeout=60s", check=False)


def pod(namespace: str, name: str, tfjob: str) -> dict[str, Any]:
    container = {
        "name": "step",
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "-u", "-W", "ignore", f"/lodestar/{name}/step.py", f"/lodestar/{name}"],
        "env": [{"name": VARIABLE, "value": tfjob}],
        "resources": {
            "requests": {"cpu": "50m", "memory": "512Mi"},
            "limits": {"cpu": "2", "memory": "2Gi"},
        },
        "securityContext": SECURITY,
        "volumeMounts": [
            {"name": "lodestar", "mountPath": "/lodestar"},
            {"name": "tmp", "mountPath": "/tmp"},
        ],
    }
    volumes = [
        {"name": "lodestar", "persistentVolumeClaim": {"claimName": "lodestar"}},
        {"name": "tmp", "emptyDir": {}},
    ]
    spec = {
        "serviceAccountName": SERVICE_ACCOUNT,
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 20,
        "securityContext": POD_SECURITY,
        "containers": [container],
        "volumes": volumes,
    }
    metadata = {"name": name, "namespace": namespace, "labels": {"app.kubernetes.io/part-of": "lodestar"}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def rmse(step: TrainerStep, prepared: Prepared) -> float:
    return rmse_of(step.folder / "model" / "Format-Serving", prepared)


def test_a_job_survives_a_killed_worker_and_an_evicted_one(start, prepared, alone, kubectl, namespace):
    step = start(workers=3)
    step.wait_for("[chief-0] epoch 8: train")
    os.kill(step.pid("worker", 0), signal.SIGKILL)
    step.wait_for("worker-0 ended with exit code 137")
    step.wait_for("[chief-0] epoch 17: train")
    evict(kubectl, namespace, f"{step.job}-worker-1")
    step.wait_for("so the job is started again")
    step.finish()
    assert step.log.count("[chief-0] continuing") >= 2
    assert step.repeated() <= 2 * INTERVAL
    # Batches are drawn otherwise than in one process, which moves the RMSE by less than 0.5 %.
    assert rmse(step, prepared) == pytest.approx(alone, rel=0.01)
    assert '"replicas": 3, "batch_per_replica": 171, "global_batch": 513' in step.log
    job = json.loads(kubectl("-n", namespace, "get", "tfjob", step.job, "-o", "json").stdout)
    assert [owner["name"] for owner in job["metadata"]["ownerReferences"]] == [step.name]
    policy = job["spec"]["runPolicy"]
    assert policy["activeDeadlineSeconds"] and policy["ttlSecondsAfterFinished"]
    assert policy["cleanPodPolicy"] == "Running"


def evict(kubectl: Kubectl, namespace: str, name: str) -> None:
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": name, "namespace": namespace},
    }
    path = f"/api/v1/namespaces/{namespace}/pods/{name}/eviction"
    kubectl("create", f"--raw={path}", "--filename=-", input=json.dumps(eviction))


def test_a_stopped_worker_is_ended_by_the_kubelet_within_two_step_timeouts(start, prepared, alone):
    step = start(workers=3)
    step.wait_for("[chief-0] epoch 8: train")
    os.kill(step.pid("worker", 0), signal.SIGSTOP)
    stopped = time.monotonic()
    step.wait_for("worker-0 ended with exit code 137", 2 * STEP_TIMEOUT)
    step.wait_for("chief-0 ended with exit code 138", 2 * STEP_TIMEOUT - (time.monotonic() - stopped))
    step.finish()
    assert step.repeated() <= INTERVAL
    assert rmse(step, prepared) == pytest.approx(alone, rel=0.01)


def test_tables_on_a_parameter_server_give_the_same_model_once_the_quota_allows(
    start, prepared, alone, kubectl, namespace
):
    step = start(workers=1, parameter_servers=1)
    eventually(lambda: step.phase() == "Running", 60, "the step's start")
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "spec": {"hard": {"count/pods": "1"}}}
    quota["metadata"] = {"name": "tight", "namespace": namespace}
    apply(kubectl, quota)
    try:
        step.wait_for("waiting for quota: 3 of 3 missing")
    finally:
        kubectl("-n", namespace, "delete", "resourcequota", "tight")
    step.finish()
    assert '"strategy": "ParameterServerStrategy"' in step.log
    assert rmse(step, prepared) == pytest.approx(alone, rel=0.01)


def test_a_missing_image_is_named_and_the_job_goes_with_its_step(start, kubectl, namespace):
    step = start(image="lodestar/pipelines:missing", workers=2)
    step.wait_for("image lodestar/pipelines:missing is missing")
    job = step.job
    kubectl("-n", namespace, "delete", "pod", step.name, "--wait=false")
    gone = ("-n", namespace, "get", "tfjob", job, "--ignore-not-found", "-o", "name")
    eventually(lambda: not kubectl(*gone).stdout, 60, "the end of the job")


def test_an_account_without_the_right_is_told_the_cure(overlay, namespace, prepared, settings):
    client = kubernetes.config.new_client_from_config()
    client.set_default_header("Impersonate-User", f"system:serviceaccount:{namespace}:lodestar-trainer")
    with pytest.raises(LodestarError, match=r"Cannot get the TFJob.*forbidden[^\n]*\.\n.*lodestar-pipeline"):
        Kubernetes(client, namespace).job("any")


def test_the_rendered_job_keeps_to_the_restricted_standard(namespace, kubectl, tmp_path):
    from components.distributed.request import Request
    from components.family import ComputeSettings

    request = Request(str(tmp_path), ComputeSettings(workers=2), "any.run_fn", {})
    job = render(template(), "admitted", {"chief": 1, "worker": 1}, request)
    pods = [replica["template"] for replica in job["spec"]["tfReplicaSpecs"].values()]
    for number, template_of_pod in enumerate(pods):
        checked = {"apiVersion": "v1", "kind": "Pod", **template_of_pod}
        checked["metadata"] = {**checked["metadata"], "name": f"admitted-{number}", "namespace": namespace}
        checked["spec"]["restartPolicy"] = "Never"
        done = subprocess.run(
            ["kubectl", "apply", "--dry-run=server", "--filename=-"],
            input=json.dumps(checked), capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "Warning" not in done.stderr
