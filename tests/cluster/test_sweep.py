"""A sweep whose trials are real trainings in pods, under the faults of a cluster.

Only the controller is here, in this process; `/lodestar` is where this machine has the volume.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from components.family import find_family
from hparam.executors import Phase
from hparam.executors.cluster import connect
from hparam.executors.jobs import JobExecutor
from hparam.executors.manifest import job_of
from hparam.executors.objects import JOB, POD, TFJOB, Objects
from hparam.executors.processes import ProcessExecutor
from hparam.folder import SweepFolder, run_name
from hparam.journal import Journal
from hparam.lease import LeaseControl, LeaseLock, read_status
from hparam.outcome import read_result
from hparam.plan import SweepPlan
from hparam.request import TrialRequest
from hparam.run import run_sweep
from hparam.snapshot import snapshot
from hparam.space import Space
from hparam.spec import Budget, Inputs, SweepSpec
from hparam.trials import Sweep, Trial, TrialState
from pipelines.kubeflow.platform import Platform, PodSettings, Training, Volume, load_platform
from pipelines.kubeflow.tfjob import render_tfjob
from pipelines.kubeflow.trial import render_trial
from pipelines.settings import load_settings
from tests.cluster.conftest import IMAGE, eventually
from tests.prepared import transform, write_raw
from tests.replicas import rank_four

TRIALS, PARALLEL, EPOCHS = 20, 4, 12
KILLED, IMAGELESS, GREEDY = 2, 5, 8
FAMILY = find_family("matrix-factorization")


def platform(folder: Path) -> Platform:
    """Return a platform with small requests, and the volume at the path that this machine has it at."""
    small = PodSettings(cpu="50m", memory="512Mi", cpu_limit="2", memory_limit="2Gi")
    changes = {
        "steps": {"Trainer": small},
        "training": Training(chief=small, worker=small, ps=small),
        "volumes": (Volume(claim="lodestar", mount=str(folder)),),
        "env": {"HOME": "/tmp", "LODESTAR_HOME": str(folder)},
    }
    return load_platform("kind-cpu").model_copy(update=changes)


@pytest.fixture(scope="module")
def spec(overlay: Path) -> SweepSpec:
    """What is swept: ratings of rank four, on the volume."""
    changes = [f"train.epochs={EPOCHS}", "train.patience=100", "train.dimensions=16"]
    settings = load_settings(FAMILY, overrides=changes)
    root = overlay / "ratings-of-the-sweep"
    write_raw(root, rank_four())
    transform(root, FAMILY, settings)
    plan = SweepPlan(name="faulty", budget=Budget(trials=TRIALS, parallel=PARALLEL)).resolved(
        FAMILY, settings
    )
    inputs = Inputs(examples=str(root / "transformed"), transform_graph=str(root / "graph"))
    found = plan.spec("faulty", FAMILY, settings.model_dump(mode="json"), inputs)
    give_to_pods(root)
    return found


def give_to_pods(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, 1000, 1000)


def request_of(spec: SweepSpec, number: int, params: Any, attempt: int = 0) -> TrialRequest:
    """Return what the controller will ask of a trial."""
    space = Space.parse(spec.space, FAMILY, spec.settings)
    return TrialRequest(
        sweep=spec.name,
        trial=number,
        attempt=attempt,
        family=spec.family,
        metric=spec.metric,
        higher_is_better=spec.higher_is_better,
        params=dict(params),
        settings=space.settings(spec.settings, params),
        inputs=spec.inputs,
    )


@dataclass
class Faults:
    """Does to trials what clusters do, each once, as the journal tells of them."""

    objects: Objects
    template: str
    folder: SweepFolder
    done: set[int] = field(default_factory=set)

    def __call__(self, sweep: Sweep) -> None:
        for trial in sweep.trials:
            self._once(
                trial, IMAGELESS, TrialState.PENDING, lambda t: self._before(sweep, t, self._imageless())
            )
            self._once(trial, GREEDY, TrialState.PENDING, lambda t: self._before(sweep, t, self._greedy()))
            self._once(trial, KILLED, TrialState.RUNNING, self._kill)

    def _once(self, trial: Trial, number: int, state: TrialState, do: Callable[[Trial], None]) -> None:
        if trial.number == number and trial.state is state and number not in self.done:
            self.done.add(number)
            do(trial)

    def _before(self, sweep: Sweep, trial: Trial, template: str) -> None:
        # The Job is there when the controller comes to start it, and for the same request: it is adopted.
        run = self.folder.trial(trial.number, 0)
        request_of(sweep.spec, trial.number, trial.params).write(run)
        name = run_name(sweep.spec.name, trial.number, 0)
        assert self.objects.create(JOB, job_of(template, name, sweep.spec.name, run, None))

    def _imageless(self) -> str:
        return self.template.replace(IMAGE, "nowhere.invalid/none:1")

    def _greedy(self) -> str:
        job = json.loads(self.template)
        [container] = job["spec"]["template"]["spec"]["containers"]
        container["resources"] = {"requests": {"memory": "64Mi"}, "limits": {"memory": "64Mi", "cpu": "1"}}
        return json.dumps(job)

    def _kill(self, trial: Trial) -> None:
        name = run_name(self.folder.name, trial.number, 0)

        def running() -> Any:
            pods, _ = self.objects.list(POD, f"batch.kubernetes.io/job-name={name}")
            return [pod for pod in pods if pod["status"]["phase"] == "Running"]

        [pod] = eventually(running, 120, f"the pod of {name}")
        self.objects.delete(POD, pod["metadata"]["name"])


@pytest.fixture(scope="module")
def swept(namespace: str, overlay: Path, spec: SweepSpec, request: pytest.FixtureRequest) -> Sweep:
    """The sweep at its end."""
    monkeypatch = pytest.MonkeyPatch()
    request.addfinalizer(monkeypatch.undo)
    monkeypatch.setattr("hparam.executors.jobs._IMAGE_SECONDS", 5.0)
    folder, objects = SweepFolder(overlay / "sweeps-of-root" / spec.name), connect(namespace)
    template = render_trial(platform(overlay), IMAGE)
    Journal.create(folder, spec, time.time)
    before = os.umask(0)  # This controller is root, its trials are not.
    request.addfinalizer(lambda: os.umask(before))
    lock, faults = LeaseLock(objects, spec.name), Faults(objects, template, folder)

    def observe(sweep: Sweep) -> None:
        lock.publish(lambda: snapshot(sweep))
        faults(sweep)

    executor = JobExecutor(objects, template, spec.name)
    began = time.monotonic()
    sweep = run_sweep(folder, executor, lock, [LeaseControl(lock)], observe)
    print(f"{len(sweep.trials)} trials, {PARALLEL} at a time, took {time.monotonic() - began:.0f} s")
    return sweep


def test_every_trial_of_a_sweep_in_pods_succeeds_in_the_end(swept: Sweep) -> None:
    assert swept.ended == "trials"
    assert {trial.state for trial in swept.trials} == {TrialState.SUCCEEDED}
    assert len(swept.trials) == TRIALS


def test_faults_of_the_cluster_are_retried_and_have_their_reasons(swept: Sweep, overlay: Path) -> None:
    lines = (overlay / "sweeps-of-root" / "faulty" / "journal.jsonl").read_text().splitlines()
    lost = {r["trial"]: r["reason"] for r in map(json.loads, lines) if r["event"] == "lost"}
    assert lost == {KILLED: "gone", IMAGELESS: "image", GREEDY: "oom"}
    assert {t.number: t.attempt for t in swept.trials if t.attempt} == {KILLED: 1, IMAGELESS: 1, GREEDY: 1}


def test_no_trial_ran_twice_at_a_time_and_no_more_than_asked_for(swept: Sweep, namespace: str) -> None:
    pods, _ = connect(namespace).list(POD, "lodestar.dev/sweep=faulty")
    names = [pod["metadata"]["labels"]["batch.kubernetes.io/job-name"] for pod in pods]
    assert len(names) == len(set(names))
    assert len({*names}) >= TRIALS
    for trial in swept.trials:
        together = [t for t in swept.trials if (t.started or 0) <= (trial.started or 0) < (t.ended or 0)]
        assert len(together) <= PARALLEL


def test_the_best_settings_are_better_than_the_default_ones(
    swept: Sweep, spec: SweepSpec, tmp_path: Path
) -> None:
    run = SweepFolder(tmp_path / "default").trial(0, 0)
    request_of(spec, 0, {}).write(run)
    executor = ProcessExecutor(tmp_path / "default", "default")
    executor.launch("default-0000-0", run)
    eventually(lambda: executor.observe()["default-0000-0"].ended, 120, "the default's trial")
    default = json.loads((run / "result.json").read_text())["value"]
    assert swept.best is not None and swept.best.value is not None
    print(f"RMSE {swept.best.value:.4f} with {dict(swept.best.params)}, {default:.4f} with the defaults")
    assert swept.best.value < default


def test_the_lease_tells_how_the_sweep_ended_and_is_free(swept: Sweep, namespace: str) -> None:
    status = read_status(connect(namespace), "faulty")
    assert status is not None
    assert (status["ended"], status["best"]["value"]) == ("trials", swept.best and swept.best.value)
    again = LeaseLock(connect(namespace), "faulty")
    again.acquire()
    again.release()


def test_a_distributed_trial_is_a_tfjob(namespace: str, overlay: Path, spec: SweepSpec) -> None:
    settings = {**spec.settings, "compute": {**spec.settings["compute"], "workers": 2}}
    spread = spec.model_copy(update={"name": "spread", "settings": settings})
    run, name = SweepFolder(overlay / "sweeps-of-root" / "spread").trial(0, 0), run_name("spread", 0, 0)
    request_of(spread, 0, {}).write(run)
    objects, found = connect(namespace), platform(overlay)
    tfjob = render_tfjob(found, IMAGE)
    executor = JobExecutor(objects, render_trial(found, IMAGE), "spread", tfjob=tfjob)
    before = os.umask(0)
    executor.launch(name, run)
    os.umask(before)
    give_to_pods(run.parents[1])
    assert objects.get(TFJOB, name) and not objects.get(JOB, name)
    eventually(lambda: executor.observe()[name].ended, 240, "the end of the TFJob")
    assert executor.observe()[name].phase is Phase.SUCCEEDED, executor.observe()[name]
    result = read_result(run)
    assert result is not None and 0 < result.value < 1
    executor.stop(name)
    eventually(lambda: objects.get(TFJOB, name) is None, 60, "the removal of the TFJob")
    executor.close()
