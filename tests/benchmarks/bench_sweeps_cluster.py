"""How many instant trials a sweep runs per second on a cluster of 100 nodes with GPUs that run nothing.

Needs KUBECONFIG and kwok, which ends the pods at once. What Kubernetes' Job controller can do by itself is
measured first: by default it sends 20 requests a second to the API server (--kube-api-qps of the
kube-controller-manager), and a Job costs it about five.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from components.family import find_family
from components.trial import RESULT
from hparam.executors import Executor, Observed, Phase
from hparam.executors.cluster import connect
from hparam.executors.jobs import JobExecutor
from hparam.executors.objects import Objects
from hparam.folder import SweepFolder
from hparam.journal import Journal
from hparam.lease import LeaseLock
from hparam.plan import SweepPlan
from hparam.run import run_sweep
from hparam.spec import Budget, Inputs, OptimizerSettings, SweepSpec
from hparam.trials import Sweep, TrialState
from pipelines.kubeflow.platform import Accelerator, PodSettings, load_platform
from pipelines.kubeflow.trial import render_trial
from pipelines.settings import load_settings
from tests.cluster.conftest import apply, run_kubectl
from tests.cluster.nodes import Pool, only_here, pools

GPU = "nvidia.com/gpu"
FAMILY = find_family("matrix-factorization")
POOL = Pool("gpu", 100, resources={GPU: "8"}, taint=GPU, annotations={"kwok.x-k8s.io/node": "fake"})
ALONE, TRIALS, PARALLEL = 200, 1000, 200


class Instant:
    """An executor whose trials have their result when they start: nothing runs on these nodes."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def launch(self, name: str, folder: Path) -> None:
        value = int(name.split("-")[-2]) / TRIALS
        (folder / RESULT).write_text(json.dumps({"step": 1, "value": value, "metrics": {"rmse": value}}))
        self._executor.launch(name, folder)

    def observe(self) -> Mapping[str, Observed]:
        return self._executor.observe()

    def stop(self, name: str) -> None:
        self._executor.stop(name)

    def close(self) -> None:
        self._executor.close()


def template(run: str) -> str:
    """Return the Job of a trial with one GPU, on this benchmark's nodes only."""
    pod = PodSettings(cpu="100m", memory="128Mi", accelerator=Accelerator(resource=GPU, count=1))
    platform = load_platform("gpu").model_copy(update={"steps": {"Trainer": pod}, "volumes": ()})
    job = json.loads(render_trial(platform, "nothing/runs:1"))
    spec = only_here(run, job["spec"]["template"]["spec"])
    spec["tolerations"] += [{"key": GPU, "operator": "Exists"}]
    job["spec"]["template"]["spec"] = {**spec, "serviceAccountName": "default"}
    return json.dumps(job)


@contextmanager
def place(run: str) -> Iterator[Objects]:
    """Make a namespace and the nodes."""
    apply(run_kubectl, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": run}})
    try:
        with pools(run_kubectl, run, POOL):
            yield connect(run)
    finally:
        run_kubectl("delete", "namespace", run, "--wait=false")


def alone(objects: Objects, run: str, folder: Path) -> float:
    """Return how many Jobs a second end when all are created at once."""
    executor = JobExecutor(objects, template(run), "alone")
    run_folder = folder / "0000-0"
    run_folder.mkdir()
    (run_folder / "request.json").write_text("{}")
    began = time.monotonic()
    for number in range(ALONE):
        executor.launch(f"alone-{number:04d}-0", run_folder)
    created = time.monotonic() - began
    while not all(seen.phase is Phase.SUCCEEDED for seen in executor.observe().values()):
        time.sleep(0.05)
    executor.close()
    print(f"{ALONE} Jobs alone: created in {created:.1f} s, ended after {time.monotonic() - began:.1f} s")
    return ALONE / (time.monotonic() - began)


def sweep_spec() -> SweepSpec:
    """Return a sweep in its random phase from beginning to end."""
    settings = load_settings(FAMILY)
    budget = Budget(trials=TRIALS, parallel=PARALLEL)
    plan = SweepPlan(name="bench", budget=budget, optimizer=OptimizerSettings(surrogate="random"))
    inputs = Inputs(examples="/nowhere", transform_graph="/nowhere")
    return plan.resolved(FAMILY, settings).spec("bench", FAMILY, settings.model_dump(mode="json"), inputs)


def swept(objects: Objects, run: str, folder: Path) -> tuple[Sweep, float]:
    """Return a sweep at its end, and how long it took."""
    found = SweepFolder(folder / "bench")
    Journal.create(found, sweep_spec(), time.time)
    executor = Instant(JobExecutor(objects, template(run), "bench"))
    began = time.monotonic()
    sweep = run_sweep(found, executor, LeaseLock(objects, "bench"), [], lambda sweep: None)
    return sweep, time.monotonic() - began


def main() -> int:
    """Print the two rates."""
    if not os.environ.get("KUBECONFIG"):
        print("KUBECONFIG is not set: export the path of a cluster's kubeconfig that kwok looks after")
        return 0
    run = f"bench-{secrets.token_hex(3)}"
    with place(run) as objects, tempfile.TemporaryDirectory() as scratch:
        print(f"the Job controller alone: {alone(objects, run, Path(scratch)):.1f} Jobs/s")
        sweep, seconds = swept(objects, run, Path(scratch))
    succeeded = len(sweep.in_state(TrialState.SUCCEEDED))
    rate = f"{seconds:.1f} s, {TRIALS / seconds:.1f} trials/s"
    print(f"{succeeded} of {TRIALS} trials succeeded, {PARALLEL} at a time: {rate}")
    return 0 if succeeded == TRIALS else 1


if __name__ == "__main__":
    sys.exit(main())
