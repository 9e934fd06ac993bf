"""The files that build the image and bring up a cluster agree with each other and with the overlays."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.overlays import OVERLAYS, PLATFORMS, ROOT, platform

SCRIPTS = sorted((ROOT / "manifests/kind").glob("*.sh"))
_DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def _yaml(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def _listed() -> dict[str, str]:
    images = _yaml("manifests/images/kustomization.yaml")["images"]
    return {image["name"]: image.get("newTag", "") for image in images}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_script_parses(script: Path) -> None:
    assert subprocess.run(["bash", "-n", str(script)], capture_output=True, timeout=60).returncode == 0


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_script_passes_shellcheck(script: Path) -> None:
    shellcheck = Path(sys.executable).with_name("shellcheck")
    done = subprocess.run([str(shellcheck), str(script)], capture_output=True, text=True, timeout=60)
    assert done.stdout == ""


def test_kind_mounts_the_folder_that_the_volume_names() -> None:
    folder = _yaml("manifests/components/host-path/volume.yaml")["spec"]["hostPath"]["path"]
    workers = [node for node in _yaml("manifests/kind/cluster.yaml")["nodes"] if node["role"] == "worker"]
    assert len(workers) == 2
    assert {mount["containerPath"] for node in workers for mount in node["extraMounts"]} == {folder}


def test_kind_pins_its_node_image_by_digest() -> None:
    nodes = _yaml("manifests/kind/cluster.yaml")["nodes"]
    assert all(re.search(r":v[\d.]+@sha256:[0-9a-f]{64}$", node["image"]) for node in nodes)


def test_kind_pretends_the_labels_and_taints_that_the_overlays_choose() -> None:
    (fake,) = (node for node in _yaml("manifests/kind/cluster.yaml")["nodes"] if "labels" in node)
    for overlay in ("gpu", "tpu"):
        trainer = platform(overlay)["steps"]["Trainer"]
        assert trainer["node_selector"].items() <= fake["labels"].items()
        assert trainer["tolerations"][0]["key"] in fake["kubeadmConfigPatches"][0]


def test_kind_builds_the_image_that_the_overlays_use() -> None:
    (name,) = re.findall(r"^IMAGE=(.+)$", (ROOT / "manifests/kind/up.sh").read_text(encoding="utf-8"), re.M)
    image, _, tag = name.partition(":")
    assert _listed()[image] == tag
    assert {platform(overlay)["image"] for overlay in OVERLAYS} == {image}


def test_skaffold_builds_that_image_and_deploys_overlays_that_exist() -> None:
    config = _yaml("skaffold.yaml")
    (artifact,) = config["build"]["artifacts"]
    assert artifact["image"] in _listed()
    patched = {
        profile["name"]: patch["value"]
        for profile in config["profiles"]
        for patch in profile["patches"]
        if patch["path"].startswith("/manifests")
    }
    paths = {*config["manifests"]["kustomize"]["paths"], *patched.values()}
    assert paths == {f"manifests/overlays/{overlay}" for overlay in PLATFORMS}
    assert patched == {
        "serving": "manifests/overlays/lab",
        **{name: f"manifests/overlays/{name}" for name in ("gpu", "tpu")},
    }


def test_skaffold_forwards_to_a_service_of_the_overlay() -> None:
    (serving,) = (p for p in _yaml("skaffold.yaml")["profiles"] if p["name"] == "serving")
    (forward,) = (patch["value"] for patch in serving["patches"] if patch["path"].startswith("/portForward"))
    service = _yaml("manifests/base/gateway/service.yaml")
    assert forward["resourceName"] == service["metadata"]["name"]
    assert forward["port"] in [port["port"] for port in service["spec"]["ports"]]
    taken = {one["localPort"] for one in _yaml("skaffold.yaml")["portForward"]}
    assert forward["localPort"] not in taken


def test_skaffold_verifies_with_a_job_that_has_the_container_it_fills() -> None:
    (check,) = _yaml("skaffold.yaml")["verify"]
    job = _yaml(check["executionMode"]["kubernetesCluster"]["jobManifestPath"])
    names = [container["name"] for container in job["spec"]["template"]["spec"]["containers"]]
    assert check["container"]["name"] in names
    assert check["timeout"] == job["spec"]["activeDeadlineSeconds"]


def test_image_starts_from_one_pinned_base_and_ends_as_a_numeric_user() -> None:
    assert re.findall(r"^ARG BASE=(.+)$", _DOCKERFILE, re.M) == ["python:3.10-slim-bookworm"]
    assert set(re.findall(r"^FROM (\S+)", _DOCKERFILE, re.M)) == {"${BASE}"}
    assert re.findall(r"^USER (.+)$", _DOCKERFILE, re.M) == ["1000:1000"]


def test_image_uses_the_uv_that_the_environment_is_made_with() -> None:
    setup = (ROOT / ".ci/setup").read_text(encoding="utf-8")
    pattern = re.compile(r"UV_VERSION=([\d.]+)")
    assert pattern.findall(_DOCKERFILE) == pattern.findall(setup)


def test_a_changed_source_file_costs_the_last_layers_only() -> None:
    steps = re.findall(r"^(COPY|RUN) (.+)$", _DOCKERFILE.rpartition("FROM ")[2], re.M)
    assert ("COPY", ". .") in steps[-2:]
