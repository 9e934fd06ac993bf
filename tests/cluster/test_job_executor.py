"""Trials as Jobs: the suite of all executors on a real cluster, and what only Jobs have to keep."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from hparam.executors import Phase
from hparam.executors.cluster import connect
from hparam.executors.jobs import JobExecutor
from hparam.executors.manifest import job_of
from hparam.executors.objects import JOB, POD, Object
from pipelines.kubeflow.platform import PodSettings, Volume, load_platform
from pipelines.kubeflow.trial import render_trial
from tests.cluster.conftest import IMAGE, Kubectl
from tests.contract.executors import COMMAND, MARK, WAIT, ExecutorContract, Place, Runs


def small_job(folder: Path, command: list[str], memory: str = "128Mi") -> str:
    """Return the compiled Job with another command; it sees `folder` where this machine has it."""
    small = PodSettings(cpu="10m", memory="64Mi", cpu_limit="1", memory_limit=memory)
    volumes = (Volume(claim="lodestar", mount=str(folder)),)
    changes = {"steps": {"Trainer": small}, "volumes": volumes, "env": {}}
    job = json.loads(render_trial(load_platform("kind-cpu").model_copy(update=changes), IMAGE))
    [container] = job["spec"]["template"]["spec"]["containers"]
    container["command"] = command
    return json.dumps(job)


class Jobs:
    """Runs on the volume of the test's namespace."""

    patience = 60.0

    def __init__(self, namespace: str, folder: Path) -> None:
        # What an earlier test has left behind is still ending.
        self.sweep = f"demo-{secrets.token_hex(2)}"
        self.namespace = namespace
        self.trials = folder / "sweeps-of-jobs" / self.sweep / "trials"
        self.template = small_job(folder, ["python", "-u", "-c", COMMAND])

    def executor(self, sweep: str = "") -> JobExecutor:
        return JobExecutor(connect(self.namespace), self.template, sweep or self.sweep)

    def kill(self, name: str) -> None:
        path = str(self.trials / name.removeprefix(f"{self.sweep}-") / "request.json").encode()
        [pid] = [
            int(found.parent.name)
            for found in Path("/proc").glob("[0-9]*/cmdline")
            if path in found.read_bytes().split(b"\0")
        ]
        os.kill(pid, signal.SIGKILL)

    def job(self, name: str) -> Object | None:
        return connect(self.namespace).get(JOB, name)


class TestJobs(ExecutorContract):
    @pytest.fixture
    def place(self, namespace: str, overlay: Path) -> Iterator[Place]:
        place = Jobs(namespace, overlay)
        yield place
        executor = place.executor()
        for name in executor.observe():
            executor.stop(name)
        executor.close()
        shutil.rmtree(place.trials.parent, ignore_errors=True)

    def test_a_deleted_pod_is_a_fault(self, runs: Runs, place: Jobs, kubectl: Kubectl) -> None:
        name = runs.launch(0, WAIT)
        runs.until_began(0)
        pods = f"--selector=batch.kubernetes.io/job-name={name}"
        kubectl("--namespace", place.namespace, "delete", "pod", pods, "--wait=false")
        assert (runs.end(name).phase, runs.end(name).reason) == (Phase.FAULT, "gone")

    def test_a_deleted_job_is_a_fault(self, runs: Runs, place: Jobs, kubectl: Kubectl) -> None:
        name = runs.launch(0, WAIT)
        runs.until_began(0)
        kubectl("--namespace", place.namespace, "delete", "job", name, "--wait=false")
        assert (runs.end(name).phase, runs.end(name).reason) == (Phase.FAULT, "gone")

    def test_an_evicted_pod_is_a_fault(self, runs: Runs, place: Jobs, kubectl: Kubectl) -> None:
        name = runs.launch(0, WAIT)
        runs.until_began(0)
        selector = f"batch.kubernetes.io/job-name={name}"
        [found], _ = connect(place.namespace).list(POD, selector)
        pod = found["metadata"]["name"]
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod, "namespace": place.namespace},
        }
        path = f"/api/v1/namespaces/{place.namespace}/pods/{pod}/eviction"
        kubectl("create", "--raw", path, "--filename=-", input=json.dumps(body))
        assert (runs.end(name).phase, runs.end(name).reason) == (Phase.FAULT, "evicted")

    def test_too_much_memory_is_a_fault_that_says_so(self, runs: Runs) -> None:
        seen = runs.end(runs.launch(0, "b = bytearray(10**9)"))
        assert (seen.phase, seen.reason) == (Phase.FAULT, "oom")
        assert "128Mi" in seen.message

    def test_an_image_that_does_not_come_is_a_fault_and_the_job_goes(
        self, runs: Runs, place: Jobs, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("hparam.executors.jobs._IMAGE_SECONDS", 3.0)
        place.template = place.template.replace(IMAGE, "nowhere.invalid/none:1")
        runs.executor = place.executor()
        name = runs.launch(0, MARK)
        runs.until(
            lambda: "nowhere.invalid" in runs.executor.observe()[name].message, "saying what it waits for"
        )
        seen = runs.end(name)
        assert (seen.phase, seen.reason) == (Phase.FAULT, "image")
        runs.until(lambda: place.job(name) is None, "the job's end")
        assert runs.executor.observe()[name] == seen

    def test_a_job_of_that_name_for_another_request_is_replaced(self, runs: Runs, place: Jobs) -> None:
        name = runs.launch(0, WAIT)
        runs.until_began(0)
        (runs.folder(0) / "request.json").write_text(json.dumps({"do": MARK}))
        runs.executor = place.executor()
        runs.executor.launch(name, runs.folder(0))
        assert runs.end(name).phase is Phase.SUCCEEDED
        assert runs.began(0) == 2

    def test_a_job_that_takes_too_long_has_failed(self, runs: Runs, place: Jobs) -> None:
        job = json.loads(place.template)
        job["spec"]["activeDeadlineSeconds"] = 4
        place.template = json.dumps(job)
        runs.executor = place.executor()
        seen = runs.end(runs.launch(0, WAIT))
        assert (seen.phase, seen.reason) == (Phase.FAILED, "deadline")

    def test_a_quota_on_jobs_keeps_runs_waiting_and_ended_ones_make_room(
        self, runs: Runs, place: Jobs, kubectl: Kubectl, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("hparam.executors.jobs._ASK_SECONDS", 0.5)
        runs.end(runs.launch(0, MARK))
        used = len(connect(place.namespace).list(JOB)[0])
        quota = ["--namespace", place.namespace, "quota", "few"]
        kubectl("create", *quota, f"--hard=count/jobs.batch={used + 1}")
        try:
            runs.until(
                lambda: "jobs" in kubectl("get", *quota, "-o=jsonpath={.status.used}").stdout, "counting"
            )
            running, waiting = runs.launch(1, WAIT), runs.launch(2, MARK)
            assert "exceeded quota" in runs.executor.observe()[waiting].message
            assert runs.end(waiting).phase is Phase.SUCCEEDED
            assert runs.executor.observe()[runs.name(0)].phase is Phase.SUCCEEDED
            assert not runs.executor.observe()[running].ended
        finally:
            kubectl("delete", *quota)

    def test_the_job_says_what_it_belongs_to(self, runs: Runs, place: Jobs) -> None:
        name = runs.prepare(0, MARK)
        owner = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": "run", "uid": "1"}
        job = job_of(place.template, name, "demo", runs.folder(0), owner)
        assert job["metadata"]["ownerReferences"] == [owner]
        assert job["metadata"]["labels"]["lodestar.dev/sweep"] == "demo"
        assert job["spec"]["backoffLimit"] == 0 and job["spec"]["activeDeadlineSeconds"]
