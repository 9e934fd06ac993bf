"""The TFJob template rendered for a platform."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from components.errors import InputError
from pipelines.kubeflow.platform import load_platform
from pipelines.kubeflow.tfjob import render_tfjob


def pods(overlay: str) -> dict[str, dict]:
    job = json.loads(render_tfjob(load_platform(overlay), "image:1"))
    return {kind: replica["template"] for kind, replica in job["spec"]["tfReplicaSpecs"].items()}


def test_each_kind_of_replica_gets_its_own_settings() -> None:
    found = pods("gpu")
    assert set(found) == {"Chief", "Worker", "PS"}
    limits = {kind: pod["spec"]["containers"][0]["resources"]["limits"] for kind, pod in found.items()}
    assert limits["Worker"]["nvidia.com/gpu"] == limits["Chief"]["nvidia.com/gpu"] == "1"
    assert "nvidia.com/gpu" not in limits["PS"]
    assert "nodeSelector" in found["Chief"]["spec"] and "nodeSelector" not in found["PS"]["spec"]
    assert found["Worker"]["spec"]["tolerations"] == [
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
    ]


def test_replicas_have_image_environment_and_volumes_of_the_platform_once() -> None:
    for pod in pods("kind-cpu").values():
        [container] = pod["spec"]["containers"]
        assert container["image"] == "image:1"
        names = [variable["name"] for variable in container["env"]]
        assert len(names) == len(set(names)) and "LODESTAR_HOME" in names
        mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        claims = {
            v["name"]: v["persistentVolumeClaim"]["claimName"]
            for v in pod["spec"]["volumes"]
            if "persistentVolumeClaim" in v
        }
        assert {mounted[name]: claim for name, claim in claims.items()} == {"/lodestar": "lodestar"}


def test_labels_of_the_template_win_over_the_platforms() -> None:
    labels = pods("kind-cpu")["Worker"]["metadata"]["labels"]
    assert labels["app.kubernetes.io/part-of"] == "lodestar"
    assert labels["app.kubernetes.io/component"] == "training"


@pytest.mark.parametrize(
    "text",
    [
        "kind: TFJob",
        "spec: {tfReplicaSpecs: {Worker: {template: {spec: {containers: [{name: main}]}}}}}",
        "[]",
    ],
)
def test_template_without_a_tensorflow_container_is_refused(tmp_path: Path, text: str) -> None:
    template = tmp_path / "tfjob.yaml"
    template.write_text(text)
    with pytest.raises(InputError, match=r"tfjob.yaml: This is not a TFJob"):
        render_tfjob(load_platform("kind-cpu"), "image:1", template)


def test_missing_template_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Cannot read the template"):
        render_tfjob(load_platform("kind-cpu"), "image:1", tmp_path / "none.yaml")
