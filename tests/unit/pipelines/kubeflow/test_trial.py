"""The Job of a trial rendered for a platform."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from components.errors import InputError
from pipelines.kubeflow.platform import PodSettings, load_platform
from pipelines.kubeflow.trial import render_trial


def pod(overlay: str) -> dict:
    return json.loads(render_trial(load_platform(overlay), "image:1"))["spec"]["template"]


def test_a_trial_gets_what_the_trainer_step_gets() -> None:
    platform = load_platform("kind-cpu")
    trainer = PodSettings(
        cpu="3", memory="5Gi", memory_limit="6Gi", node_selector={"pool": "train"}, image="other:2"
    )
    changed = platform.model_copy(update={"steps": {"Trainer": trainer}})
    spec = json.loads(render_trial(changed, "image:1"))["spec"]["template"]["spec"]
    [container] = spec["containers"]
    assert container["resources"]["requests"] == {"cpu": "3", "memory": "5Gi"}
    assert container["resources"]["limits"]["memory"] == "6Gi"
    assert container["image"] == "other:2"
    assert spec["nodeSelector"] == {"pool": "train"}


@pytest.mark.parametrize("overlay", ["kind-cpu", "gpu", "tpu"])
def test_a_trial_sees_the_volumes_and_the_environment_of_the_platform(overlay: str) -> None:
    spec, platform = pod(overlay)["spec"], load_platform(overlay)
    [container] = spec["containers"]
    assert {mount["mountPath"] for mount in container["volumeMounts"]} == {
        "/tmp",
        *(volume.mount for volume in platform.volumes),
    }
    assert platform.env.items() <= {one["name"]: one["value"] for one in container["env"]}.items()


def test_a_trial_is_neither_a_step_nor_a_replica_and_is_started_once() -> None:
    job = json.loads(render_trial(load_platform("kind-cpu"), "image:1"))
    assert job["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"] == "trial"
    assert (job["spec"]["backoffLimit"], job["spec"]["template"]["spec"]["restartPolicy"]) == (0, "Never")
    assert job["spec"]["activeDeadlineSeconds"] and job["spec"]["ttlSecondsAfterFinished"]


@pytest.mark.parametrize(
    "text", ["kind: Job", "spec: {template: {spec: {containers: [{name: main}]}}}", "[]"]
)
def test_template_without_a_container_for_the_trial_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "trial.yaml").write_text(text)
    with pytest.raises(InputError, match=r"trial.yaml: This is not a Job"):
        render_trial(load_platform("kind-cpu"), "image:1", tmp_path / "trial.yaml")
