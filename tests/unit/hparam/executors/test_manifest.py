"""The Job or the TFJob of one run, from the templates of a platform."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from components.distributed.request import Request
from components.errors import InputError
from hparam.executors.manifest import is_distributed, job_of, request_hash, tfjob_of
from hparam.request import TrialRequest
from hparam.spec import Inputs
from pipelines.kubeflow.platform import load_platform
from pipelines.kubeflow.tfjob import render_tfjob
from pipelines.kubeflow.trial import render_trial

OWNER = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": "run", "uid": "1"}
JOB = render_trial(load_platform("kind-cpu"), "image:1")
TFJOB = render_tfjob(load_platform("kind-cpu"), "image:1")


def prepare(folder: Path, **compute: Any) -> Path:
    request = TrialRequest(
        sweep="demo",
        trial=3,
        attempt=0,
        family="matrix-factorization",
        metric="rmse",
        higher_is_better=False,
        params={},
        settings={"train": {}, "compute": compute},
        inputs=Inputs(examples="/e", transform_graph="/g"),
    )
    request.write(folder)
    return folder


def test_a_job_says_which_run_it_is_and_to_whom_it_belongs(tmp_path: Path) -> None:
    folder = prepare(tmp_path)
    job = job_of(JOB, "demo-0003-0", "demo", folder, OWNER)
    assert job["metadata"]["name"] == "demo-0003-0"
    assert job["metadata"]["ownerReferences"] == [OWNER]
    [container] = job["spec"]["template"]["spec"]["containers"]
    assert container["args"] == [str(folder / "request.json")]
    for marked in (job, job["spec"]["template"]):
        assert marked["metadata"]["labels"]["lodestar.dev/sweep"] == "demo"
        assert marked["metadata"]["annotations"]["lodestar.dev/request-hash"] == request_hash(folder)


def test_the_hash_tells_two_requests_apart_and_knows_the_same_again(tmp_path: Path) -> None:
    first = request_hash(prepare(tmp_path))
    assert request_hash(prepare(tmp_path)) == first
    assert request_hash(prepare(tmp_path, workers=2)) != first


def test_a_distributed_trial_is_a_tfjob_whose_replicas_are_not_started_again(tmp_path: Path) -> None:
    folder = prepare(tmp_path, workers=3)
    assert is_distributed(folder) and not is_distributed(prepare(tmp_path / "other"))
    job = tfjob_of(TFJOB, "demo-0003-0", "demo", folder, OWNER)
    replicas = job["spec"]["tfReplicaSpecs"]
    assert {kind: replica["replicas"] for kind, replica in replicas.items()} == {"Chief": 1, "Worker": 2}
    for replica in replicas.values():
        assert replica["restartPolicy"] == "Never"
        assert replica["template"]["metadata"]["labels"]["lodestar.dev/sweep"] == "demo"
        [container] = replica["template"]["spec"]["containers"]
        assert Request.read(container["args"][0]).compute.workers == 3


@pytest.mark.parametrize(
    "template", ["{", "[]", "{}", '{"spec": {"template": {"spec": {"containers": []}}}}']
)
def test_a_template_without_a_container_for_the_trial_is_refused(tmp_path: Path, template: str) -> None:
    with pytest.raises(InputError, match="LODESTAR_TRIAL_JOB: This is not a Job"):
        job_of(template, "demo-0003-0", "demo", prepare(tmp_path), None)
