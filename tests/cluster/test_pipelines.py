"""Every step of the families' compiled specs as a pod: same results as on this machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.conftest import IMAGE, STAGES, Kubectl
from tests.cluster.overlays import ROOT
from tests.cluster.steps_as_pods import SERVICE_ACCOUNT, Finished, run_steps
from tests.integration.conftest import Lodestar
from tests.kubeflow_spec import CompiledSpec

FAMILIES = ("matrix-factorization", "text-search")
# One of them with a sweep as a step, whose trials are pods too.
OPTIONS = {FAMILIES[0]: ("--sweep-trials", "3", "--sweep-parallel", "2"), FAMILIES[1]: ()}
# Sums are taken in another order where other threads take part.
TOLERANCE = 1e-3


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Lodestar:
    return Lodestar(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session", params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="session")
def spec(family: str, tmp_path_factory: pytest.TempPathFactory) -> CompiledSpec:
    return compiled(family, tmp_path_factory.mktemp("spec") / "spec.yaml", *OPTIONS[family])


@pytest.fixture(scope="session")
def finished(
    pytestconfig: pytest.Config,
    kubectl: Kubectl,
    namespace: str,
    overlay: Path,
    metadata: str,
    spec: CompiledSpec,
) -> dict[str, Finished]:
    """Every step of a run, by node."""
    by_node = {one.step.node: one for one in run_steps(kubectl, namespace, spec, overlay)}
    measured = pytestconfig.stash.setdefault(STAGES, {})
    measured.update({(spec.name, node): one.stages for node, one in by_node.items()})
    return by_node


def compiled(family: str, file: Path, *options: str) -> CompiledSpec:
    command = [sys.executable, "-m", "pipelines", "compile", family, "-o", str(file), *options]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=300)
    assert done.returncode == 0, done.stderr
    return CompiledSpec(file.read_text(encoding="utf-8"))


def node_metrics(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def numbers(tree: Any, prefix: str = "") -> dict[str, float]:
    """Return every number in nested mappings and lists, by its path."""
    if isinstance(tree, bool) or tree is None or isinstance(tree, str):
        return {}
    if isinstance(tree, int | float):
        return {prefix: float(tree)}
    parts = tree.items() if isinstance(tree, dict) else enumerate(tree)
    return {path: value for key, part in parts for path, value in numbers(part, f"{prefix}.{key}").items()}


def test_every_step_succeeds_in_dependency_order(spec: CompiledSpec, finished: dict[str, Finished]) -> None:
    done: set[str] = set()
    for node, one in finished.items():
        assert one.succeeded, f"{node}:\n{one.log}"
        assert one.step.after <= done
        done.add(one.step.key)
    assert done == set(spec.steps)


def test_pods_ran_the_compiled_command_image_and_account(finished: dict[str, Finished]) -> None:
    for one in finished.values():
        container = one.pod["spec"]["containers"][0]
        assert container["command"][:3] == one.step.container["command"]
        assert container["image"] == one.step.container["image"] == IMAGE
        assert one.pod["spec"]["serviceAccountName"] == SERVICE_ACCOUNT


def test_metrics_equal_those_of_a_run_on_this_machine(
    family: str, finished: dict[str, Finished], overlay: Path, local: Lodestar
) -> None:
    artifact = finished["Evaluator"].reported["artifacts"]["evaluation"]["artifacts"][0]
    inside = Path(str(artifact["uri"]).replace("/lodestar", str(overlay), 1))
    here = numbers(node_metrics(Path(local.run(family, *OPTIONS[family])["metrics"])))
    there = numbers(node_metrics(inside / "metrics.json"))
    assert there.keys() == here.keys()
    assert there == pytest.approx(here, abs=TOLERANCE)


def test_blessed_model_is_pushed(family: str, finished: dict[str, Finished], overlay: Path) -> None:
    version = overlay / "serving" / family / "1"
    assert (version / "saved_model.pb").is_file()
    about = json.loads((version / "lodestar.json").read_text(encoding="utf-8"))
    assert about["model_uri"].startswith("/lodestar/pipelines/")
    assert "version 1" in finished["Pusher"].log


def test_metrics_and_artifacts_are_reported_to_kubeflow(finished: dict[str, Finished]) -> None:
    reported = finished["Evaluator"].reported["artifacts"]
    assert numbers(reported["evaluation_metrics"]["artifacts"][0]["metadata"])
    for one in finished.values():
        assert set(one.reported["artifacts"]) <= set(one.step.outputs)
        assert one.reported["artifacts"]


def test_second_run_reuses_every_step(
    kubectl: Kubectl, namespace: str, overlay: Path, spec: CompiledSpec, finished: dict[str, Finished]
) -> None:
    for one in run_steps(kubectl, namespace, spec, overlay):
        assert one.succeeded, one.log
        assert "cached" in one.log, f"{one.step.node} ran again:\n{one.log}"


def test_trials_of_a_sweep_are_pods_of_their_own(
    finished: dict[str, Finished], family: str, overlay: Path
) -> None:
    if not OPTIONS[family]:
        pytest.skip("this pipeline has no sweep")
    assert finished["Tuner"].log.count("succeeded  rmse") == 3
    assert "best rmse" in finished["Tuner"].ended["message"]
    trials = sorted(overlay.glob("sweeps/*/trials/*"))
    assert [trial.name for trial in trials] == ["0000-0", "0001-0", "0002-0"]
    # Those of this machine would say which process they are.
    assert not list(overlay.glob("sweeps/*/trials/*/process.json"))


def test_failing_step_leaves_its_last_lines_on_the_pod(
    kubectl: Kubectl, namespace: str, overlay: Path, metadata: str, tmp_path: Path
) -> None:
    file = tmp_path / "spec.yaml"
    spec = compiled(FAMILIES[0], file, "--data", "/lodestar/data/not-there")
    *_, last = run_failing(kubectl, namespace, spec, overlay)
    assert last.step.node == "Ingest"
    assert last.ended["exitCode"] == 2
    assert "/lodestar/data/not-there" in last.ended["message"]
    assert "Traceback" not in last.ended["message"]


def run_failing(kubectl: Kubectl, namespace: str, spec: CompiledSpec, folder: Path) -> list[Finished]:
    """Run steps up to the first that fails, as Kubeflow Pipelines does."""
    ran = []
    for one in run_steps(kubectl, namespace, spec, folder):
        ran.append(one)
        if not one.succeeded:
            break
    return ran
