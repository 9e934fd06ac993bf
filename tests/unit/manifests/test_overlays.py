"""What holds for every overlay; asked of the built YAML, so patches and components have had their say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import kubernetes_validate
import pytest
import yaml

from pipelines.kubeflow.platform import load_platform
from pipelines.kubeflow.quantity import parse_quantity
from tests.cluster.overlays import ROOT, platform

Object = dict[str, Any]
Objects = tuple[Object, ...]
VERSIONS = ("1.29", "1.33")
CLUSTER_SCOPED = {"Namespace", "PersistentVolume"}


def of_kind(objects: Objects, *kinds: str) -> list[Object]:
    return [one for one in objects if one["kind"] in kinds]


def named(objects: Objects, kind: str, name: str) -> Object:
    (found,) = (one for one in of_kind(objects, kind) if one["metadata"]["name"] == name)
    return found


def rules(objects: Objects) -> Iterator[tuple[str, dict[str, list[str]]]]:
    for role in of_kind(objects, "Role", "ClusterRole"):
        yield from ((role["metadata"]["name"], rule) for rule in role["rules"])


@pytest.mark.parametrize("version", VERSIONS)
def test_objects_are_valid_by_the_published_schema(objects: Objects, version: str) -> None:
    for one in objects:
        kubernetes_validate.validate(one, version, strict=True)


def test_a_misspelt_field_is_found(objects: Objects) -> None:
    claim = named(objects, "PersistentVolumeClaim", "lodestar")
    wrong = {**claim, "spec": {**claim["spec"], "acessModes": []}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[0], strict=True)


def test_everything_is_in_the_namespace_that_the_compiler_is_told(objects: Objects, overlay: str) -> None:
    wanted = platform(overlay)["namespace"]
    places = {one["metadata"].get("namespace") for one in objects if one["kind"] not in CLUSTER_SCOPED}
    assert places == {wanted}
    for space in of_kind(objects, "Namespace"):
        assert space["metadata"]["name"] == wanted
    for binding in of_kind(objects, "RoleBinding"):
        assert {s.get("namespace", wanted) for s in binding["subjects"]} == {wanted}


def test_what_the_compiler_names_exists(objects: Objects, platform_name: str) -> None:
    settings = load_platform(platform_name)
    assert named(objects, "ServiceAccount", settings.service_account)
    for volume in settings.volumes:
        claim = named(objects, "PersistentVolumeClaim", volume.claim)
        assert claim["spec"]["accessModes"] == ["ReadWriteMany"]


def test_every_binding_binds_a_role_and_accounts_that_exist(objects: Objects) -> None:
    for binding in of_kind(objects, "RoleBinding"):
        assert named(objects, binding["roleRef"]["kind"], binding["roleRef"]["name"])
        for subject in binding["subjects"]:
            if subject["kind"] == "ServiceAccount":
                assert named(objects, "ServiceAccount", subject["name"])


def test_nothing_is_granted_across_the_cluster(objects: Objects) -> None:
    assert of_kind(objects, "ClusterRole", "ClusterRoleBinding") == []


def test_roles_name_what_they_grant(objects: Objects) -> None:
    for role, rule in rules(objects):
        assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]], role
        if "secrets" in rule["resources"]:
            assert rule["resourceNames"] and rule["verbs"] == ["get"], role


def test_no_role_runs_commands_in_pods_or_raises_itself(objects: Objects) -> None:
    reaching = {
        "pods/exec",
        "pods/attach",
        "pods/portforward",
        "serviceaccounts/token",
        "pods/ephemeralcontainers",
    }
    # A deployer asks the model servers, which are in pods, to load.
    granted = {("lodestar-deployer", "pods/portforward")}
    for role, rule in rules(objects):
        assert {(role, resource) for resource in reaching & set(rule["resources"])} <= granted
        assert not {"escalate", "bind", "impersonate"} & set(rule["verbs"]), role
        assert "rbac.authorization.k8s.io" not in rule["apiGroups"], role


def test_objects_are_labelled_as_ours_and_named_once(objects: Objects) -> None:
    names = [(one["kind"], one["metadata"]["name"]) for one in objects]
    assert len(names) == len(set(names))
    unlabelled = [
        name
        for name, one in zip(names, objects, strict=True)
        if one["metadata"].get("labels", {}).get("app.kubernetes.io/part-of") != "lodestar"
    ]
    assert unlabelled == []


def test_a_team_namespace_is_restricted(objects: Objects) -> None:
    for space in of_kind(objects, "Namespace"):
        for mode in ("enforce", "warn", "audit"):
            assert space["metadata"]["labels"][f"pod-security.kubernetes.io/{mode}"] == "restricted"


@pytest.mark.parametrize("overlay", ["gpu", "tpu"])
def test_a_run_and_its_tfjob_fit_into_quota_and_limits(objects: Objects, overlay: str) -> None:
    settings = load_platform(overlay)
    hard = named(objects, "ResourceQuota", "lodestar-compute")["spec"]["hard"]
    (limits,) = named(objects, "LimitRange", "lodestar")["spec"]["limits"]
    training = settings.training
    pods = [settings.step("Trainer"), training.chief, training.worker, training.worker, training.ps]
    for name in ("cpu", "memory"):
        most = parse_quantity(limits["max"][name])
        assert all(parse_quantity(getattr(pod, f"{name}_limit")) <= most for pod in pods)
        requested = sum(parse_quantity(getattr(pod, name)) for pod in pods)
        assert requested <= parse_quantity(hard[f"requests.{name}"])
    devices = [pod.accelerator for pod in pods if pod.accelerator]
    (resource,) = {device.resource for device in devices}
    assert sum(device.count for device in devices) <= int(hard[f"requests.{resource}"])


@pytest.mark.parametrize("overlay", ["gpu", "tpu"])
def test_accelerators_are_chosen_by_label_and_taint_key(overlay: str) -> None:
    settings = load_platform(overlay)
    with_devices = [settings.step("Trainer"), settings.training.chief, settings.training.worker]
    for pod in with_devices:
        assert pod.accelerator and pod.node_selector
        (toleration,) = pod.tolerations
        assert (toleration.key, toleration.operator, toleration.value) == (
            pod.accelerator.resource,
            "Exists",
            "",
        )
    assert not (settings.defaults.tolerations or settings.training.ps.tolerations)


def test_base_names_neither_namespace_nor_storage_class() -> None:
    for path in (ROOT / "manifests/base").rglob("*.yaml"):
        for one in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            assert "namespace" not in one and "namespace" not in one.get("metadata", {}), path
            assert "storageClassName" not in one.get("spec", {}), path


def test_images_are_listed_in_one_place_with_a_version() -> None:
    listed = yaml.safe_load((ROOT / "manifests/images/kustomization.yaml").read_text(encoding="utf-8"))[
        "images"
    ]
    assert listed
    for image in listed:
        assert image.get("newTag") or image.get("digest"), image
        assert image.get("newTag") != "latest"
    elsewhere = [
        path
        for path in (ROOT / "manifests").rglob("kustomization.yaml")
        if path.parent.name != "images" and "newTag" in path.read_text(encoding="utf-8")
    ]
    assert elsewhere == []
