"""Overlays: what they give to a step, and every mistake with its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from components.errors import InputError
from pipelines.kubeflow.platform import MANIFESTS, Platform, load_platform, overlays

MINIMAL: dict[str, Any] = {
    "namespace": "team",
    "image": "lodestar/pipelines",
    "service_account": "runner",
    "metadata": "grpc://mlmd:8080",
    "root": "/data",
    "volumes": [{"claim": "shared", "mount": "/data"}],
}


def load(folder: Path, **changes: Any) -> Platform:
    text = yaml.safe_dump({**MINIMAL, **changes}, sort_keys=False)
    (folder / "platform.yaml").write_text(text)
    return load_platform(str(folder))


def test_repository_has_overlays_for_cpu_gpu_and_tpu() -> None:
    assert overlays() == ["gpu", "kind-cpu", "tpu"]


@pytest.mark.parametrize("overlay", overlays())
def test_namespace_is_the_one_that_kustomize_deploys_to(overlay: str) -> None:
    kustomization = yaml.safe_load((MANIFESTS / "overlays" / overlay / "kustomization.yaml").read_text())
    assert load_platform(overlay).namespace == kustomization["namespace"]


@pytest.mark.parametrize("overlay", overlays())
def test_pods_are_labelled_so_that_network_policies_select_them(overlay: str) -> None:
    assert load_platform(overlay).labels["app.kubernetes.io/part-of"] == "lodestar"


@pytest.mark.parametrize(("overlay", "resource"), [("gpu", "nvidia.com/gpu"), ("tpu", "google.com/tpu")])
def test_only_training_is_sent_to_accelerators(overlay: str, resource: str) -> None:
    platform = load_platform(overlay)
    trainer = platform.step("Trainer")
    assert trainer.accelerator is not None and trainer.accelerator.resource == resource
    assert [(t.key, t.operator, t.value) for t in trainer.tolerations] == [(resource, "Exists", "")]
    assert trainer.node_selector
    for other in ("Ingest", "Transform", "Evaluator", "Pusher"):
        step = platform.step(other)
        assert (step.accelerator, step.tolerations, step.node_selector) == (None, (), {})


def test_step_differs_from_the_defaults_where_it_says_so(tmp_path: Path) -> None:
    platform = load(
        tmp_path,
        env={"LODESTAR_HOME": "/data", "A": "platform", "B": "platform"},
        defaults={"cpu": "500m", "memory": "2Gi", "env": {"B": "defaults", "C": "defaults"}},
        steps={"Trainer": {"cpu": 4, "env": {"C": "step"}}},
    )
    trainer, other = platform.step("Trainer"), platform.step("Ingest")
    assert (trainer.cpu, trainer.memory) == ("4", "2Gi")
    assert trainer.env == {"LODESTAR_HOME": "/data", "A": "platform", "B": "defaults", "C": "step"}
    assert (other.cpu, other.env["C"]) == ("500m", "defaults")
    assert platform.plain() == other


def test_artifacts_may_be_in_an_object_store_while_models_stay_on_the_volume(tmp_path: Path) -> None:
    platform = load(tmp_path, root="gs://bucket/lodestar", env={"LODESTAR_HOME": "/data"})
    assert platform.pipeline_root("mf") == "gs://bucket/lodestar/pipelines/mf"
    assert platform.home == "/data"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"defaults": {"memry": "2Gi"}},
            "platform.yaml:10: There is no setting `defaults.memry`.\n  Did you mean `memory`?",
        ),
        ({"steps": {"Trainer": {"cpu_limt": "2"}}}, "Did you mean `cpu_limit`?"),
        ({"defaults": {"memory": "2GB"}}, "`2GB` is not a quantity"),
        ({"defaults": {"cpu": "-1"}}, "`-1` is not a quantity above 0"),
        ({"defaults": {"cpu": "0"}}, "`0` is not a quantity above 0"),
        ({"defaults": {"cpu": "3", "cpu_limit": "2"}}, "`defaults` requests 3 cpu, more than its limit 2"),
        (
            {"defaults": {"memory_limit": "1Gi"}, "steps": {"Trainer": {"memory": "2Gi"}}},
            "`steps.Trainer` requests 2Gi memory, more than its limit 1Gi",
        ),
        ({"namespace": "Team"}, "`Team` is not a DNS-1123 label"),
        ({"volumes": [{"claim": "shared", "mount": "data"}]}, "`data` is not an absolute path"),
        ({"volumes": []}, "`/data` is on no volume"),
        ({"root": "/elsewhere"}, "`/elsewhere` is on no volume"),
        ({"root": "relative"}, "`relative` is not an absolute path, gs://"),
        ({"metadata": "http://mlmd"}, "`http://mlmd` is not the address of ML Metadata"),
        ({"labels": {"a b": "c"}}, "`a b` is not a label's key"),
        ({"labels": {"a": "x" * 64}}, "is not a label's value"),
        ({"env": {"1A": "x"}}, "`1A` is not a variable's name"),
        ({"env": {"A": "{{workflow.name}}"}}, "is not a value without `{{`"),
        ({"defaults": {"accelerator": {"resource": "gpu", "count": 1}}}, "`gpu` is not a resource such as"),
        (
            {"defaults": {"accelerator": {"resource": "nvidia.com/gpu", "count": 0}}},
            "greater than or equal to 1",
        ),
        ({"defaults": {"tolerations": [{"key": "a", "operator": "Exists", "value": "b"}]}}, "takes no value"),
        ({"defaults": {"tolerations": [{"key": "a", "effect": "Never"}]}}, "effect"),
        ({"image": ""}, "at least 1 character"),
    ],
)
def test_mistake_is_named_with_its_cure(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as caught:
        load(tmp_path, **changes)
    assert words in str(caught.value)
    assert "platform.yaml:" in str(caught.value)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="2 settings are wrong") as caught:
        load(tmp_path, namespace="A B", service_account="_")
    assert "`A B`" in str(caught.value) and "`_`" in str(caught.value)


def test_unknown_overlay_suggests_the_nearest() -> None:
    with pytest.raises(InputError, match="Did you mean `gpu`") as caught:
        load_platform("gpus")
    assert "Overlays: gpu, kind-cpu, tpu." in str(caught.value)
