"""A family's first deployment on a cluster, whose pods wait for it: one that fails, then one that loads."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.conftest import RESTRICTED, Kubectl, apply
from tests.cluster.overlays import platform, rewritten
from tests.contract.models import write_half_plus_two, write_manifest

FAMILY = "text-search"
INSTANCE = "app.kubernetes.io/instance"
BESIDES = {"ConfigMap", "ServiceAccount", "PersistentVolumeClaim", "PersistentVolume", "LimitRange"}
Verb = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def place(kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A namespace with one model server that waits, and two versions, of which the first does not load."""
    name = f"lodestar-test-{secrets.token_hex(3)}"
    folder = Path(os.environ.get("LODESTAR_TEST_FOLDER", "/var/lodestar")) / name
    for version in (1, 2):
        write_half_plus_two(folder / "serving" / FAMILY / str(version), float(version), version)
    broken = folder / "serving" / FAMILY / "1"
    (broken / "variables" / "variables.index").write_bytes(b"")
    write_manifest(broken)
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, 1000, 1000)
    labels = {**RESTRICTED, "lodestar.test": "true"}
    apply(kubectl, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    manifest = rewritten("lab", name, tmp_path_factory.mktemp("lab"), folder)
    apply(kubectl, *_serving(yaml.safe_load_all(manifest)))
    yield name
    kubectl("delete", "namespace", name, "--wait=true", "--timeout=180s")
    kubectl("delete", "persistentvolume", name, "--wait=false")
    shutil.rmtree(folder, ignore_errors=True)


def _serving(objects: Iterator[Any]) -> Iterator[dict[str, Any]]:
    """Yield what the family's servers need; one replica is enough here."""
    for one in objects:
        mine = one["metadata"].get("labels", {}).get(INSTANCE) == FAMILY
        if one["kind"] == "Deployment" and mine:
            one["spec"]["replicas"] = 1
        if one["kind"] != "HorizontalPodAutoscaler" and (mine or one["kind"] in BESIDES):
            yield one


@pytest.fixture(scope="module")
def verb(place: str, tmp_path_factory: pytest.TempPathFactory) -> Verb:
    overlay = tmp_path_factory.mktemp("overlay")
    settings = {**platform("lab"), "namespace": place}
    (overlay / "platform.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")

    def run(name: str, *options: str) -> subprocess.CompletedProcess[str]:
        where = ("--on", "cluster", "--overlay", str(overlay))
        command = [sys.executable, "-m", "pipelines", name, FAMILY, *options, *where]
        return subprocess.run(command, capture_output=True, text=True, timeout=500)

    return run


def test_first_deployment_that_does_not_load_is_told_and_the_next_one_goes_through(
    place: str, verb: Verb, kubectl: Kubectl
) -> None:
    failed = verb("deploy", "--version", "1", "--timeout", "400")
    assert failed.returncode == 1, failed.stdout + failed.stderr
    assert "1 servable(s) did not become available" in failed.stderr
    assert "Nothing serves yet." in failed.stderr
    status = verb("status", "-o", "json")
    assert (status.returncode, json.loads(status.stdout)["state"]) == (1, "BlockedByFailedLoad")
    models = ("get", "configmap", "lodestar-models", "--output=json")
    assert f"{FAMILY}.config" not in json.loads(kubectl("-n", place, *models).stdout)["data"]
    # The pods that could not start are replaced: what they have mounted is out of date.
    done = verb("deploy", "--version", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    now = json.loads(verb("status", "-o", "json").stdout)
    assert (now["state"], now["stable"]) == ("UpToDate", 2)
    assert [server["labels"] for server in now["servers"]] == [{"stable": 2}]
    changes = json.loads(verb("history", "-o", "json").stdout)
    assert [(change["action"], change["to"]) for change in changes] == [("deploy", 2), ("failed", 1)]
