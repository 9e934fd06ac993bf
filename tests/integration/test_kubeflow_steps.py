"""Compiled specs run step by step as pods do: compiled command and environment, ML Metadata over gRPC."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from components import artifact
from tests.kubeflow_spec import CompiledSpec, Run, local_path

from .conftest import REPOSITORY, Lodestar

QUICK = {
    "matrix-factorization": ("--set", "train.dimensions=4", "--set", "train.epochs=30"),
    "text-search": ("--set", "train.encoder=bm25"),
}
FIRST, SECOND, THIRD = "run-1", "run-2", "run-3"


@dataclass
class Cluster:
    """A folder that stands for the volume, a server of ML Metadata, and an overlay that names both."""

    root: Path
    port: int = field(default_factory=lambda: _free_port())
    server: subprocess.Popen[str] | None = None

    @property
    def home(self) -> Path:
        return self.root / "home"

    def start(self) -> None:
        command = [sys.executable, "tests/mlmd_server.py", "--address", f"127.0.0.1:{self.port}"]
        command += ["--sqlite", str(self.root / "mlmd.sqlite")]
        self.server = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
        assert self.server.stdout is not None and "serving" in self.server.stdout.readline()

    def stop(self) -> None:
        if self.server is not None:
            self.server.kill()
            self.server.wait()

    def overlay(self, **changes: Any) -> Path:
        """Write the overlay, and return its folder."""
        platform = {
            "namespace": "kubeflow",
            "image": "lodestar/pipelines",
            "service_account": "lodestar-pipeline",
            "metadata": f"grpc://127.0.0.1:{self.port}",
            "root": str(self.home),
            "volumes": [{"claim": "lodestar", "mount": str(self.root)}],
            "env": {"LODESTAR_HOME": str(self.home)},
        }
        folder = self.root / "overlay"
        folder.mkdir(exist_ok=True)
        (folder / "platform.yaml").write_text(yaml.safe_dump({**platform, **changes}))
        return folder

    def compile(self, family: str, *arguments: str) -> CompiledSpec:
        file = self.root / f"{family}.yaml"
        command = ("compile", family, "--overlay", str(self.overlay()), *arguments, "-o", str(file))
        done = Lodestar(self.home)(*command)
        assert done.returncode == 0, done.stderr
        return CompiledSpec(file.read_text())

    def run(self, run_id: str, step: str, **parameters: Any) -> Run:
        output = self.root / "outputs" / run_id / f"{step}.json"
        return Run(run_id, parameters, str(self.root / "minio"), str(output))

    def start_step(
        self, spec: CompiledSpec, step: str, run_id: str, *more: str, **parameters: Any
    ) -> subprocess.Popen[str]:
        """Start a step as the launcher does: its command, its environment, nothing else of ours."""
        command = [*spec.command(spec.steps[step], self.run(run_id, step, **parameters)), *more]
        assert command[0] == "python"
        mine = {name: value for name, value in os.environ.items() if not name.startswith("LODESTAR")}
        env = {**mine, "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'tests'}", **spec.steps[step].env}
        return subprocess.Popen(
            [sys.executable, "-u", *command[1:]],
            cwd=self.root,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def step(
        self, spec: CompiledSpec, step: str, run_id: str, *more: str, **parameters: Any
    ) -> subprocess.CompletedProcess[str]:
        process = self.start_step(spec, step, run_id, *more, **parameters)
        out, _ = process.communicate(timeout=600)
        return subprocess.CompletedProcess(process.args, process.returncode, out)

    def run_all(self, spec: CompiledSpec, run_id: str, **parameters: Any) -> dict[str, str]:
        """Run every step in dependency order; return what each printed."""
        printed = {}
        for step in spec.steps:
            done = self.step(spec, step, run_id, **parameters)
            assert done.returncode == 0, done.stdout
            printed[step] = done.stdout
        return printed

    def reported(self, run_id: str, step: str) -> dict[str, Mapping[str, Any]]:
        """Return output -> the artifact that the step reported."""
        content = json.loads((self.root / "outputs" / run_id / f"{step}.json").read_text())
        return {key: one["artifacts"][0] for key, one in content["artifacts"].items()}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _cluster(folder: Path) -> Iterator[Cluster]:
    cluster = Cluster(folder)
    cluster.start()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="module", params=list(QUICK))
def first_run(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Cluster, str, CompiledSpec, dict[str, str]]]:
    family = request.param
    for cluster in _cluster(tmp_path_factory.mktemp(family)):
        # One family's data is on the volume, the other's in the image.
        if family == "matrix-factorization":
            shutil.copytree(request.getfixturevalue("ratings_folder"), cluster.home / "data" / "mine")
        spec = cluster.compile(family, "--data", _source(cluster, family), *QUICK[family])
        yield cluster, family, spec, cluster.run_all(spec, FIRST)


def _source(cluster: Cluster, family: str) -> str:
    return str(cluster.home / "data" / "mine") if family == "matrix-factorization" else "sample"


def _cached(printed: Mapping[str, str]) -> set[str]:
    return {step for step, text in printed.items() if "cached: an earlier run's outputs are re-used" in text}


def test_every_step_succeeds_and_the_model_is_pushed(first_run) -> None:
    cluster, family, _, printed = first_run
    assert len(printed) == 8
    assert _cached(printed) == set()
    artifact.verify(cluster.home / "serving" / family / "1")


def test_metrics_equal_those_of_a_local_run(first_run, tmp_path: Path) -> None:
    cluster, family, _, _ = first_run
    local = Lodestar(tmp_path).run(family, "--data", _source(cluster, family), *QUICK[family])
    expected = json.loads(Path(local["metrics"]).read_text())["metrics"]
    reported = cluster.reported(FIRST, "evaluator")["evaluation_metrics"]["metadata"]
    assert expected
    for name, values in expected.items():
        assert reported[name] == pytest.approx(values["value"], abs=1e-3)
        assert reported[f"{name}.baseline"] == pytest.approx(values["baseline"], abs=1e-3)


def test_every_declared_output_is_reported_with_its_place(first_run) -> None:
    cluster, _, spec, _ = first_run
    for key, step in spec.steps.items():
        found = cluster.reported(FIRST, key)
        assert set(found) == set(step.outputs)
        for artifact_ in found.values():
            assert artifact_["metadata"]["cached"] is False
            # Kubeflow's ML Metadata refuses anything but text, numbers and truth values.
            assert all(isinstance(value, str | int | float) for value in artifact_["metadata"].values())
    model = cluster.reported(FIRST, "trainer")["model"]
    assert Path(model["uri"]).is_dir() and model["uri"].startswith(str(cluster.home))


def test_html_report_lies_where_the_launcher_uploads_it_from(first_run) -> None:
    cluster, _, spec, _ = first_run
    run = cluster.run(FIRST, "evaluator")
    outputs = spec.executor_input(spec.steps["evaluator"], run)["outputs"]["artifacts"]
    page = Path(local_path(outputs["evaluation_report"]["artifacts"][0]["uri"], run)).read_text()
    assert page.lstrip().lower().startswith("<!doctype html") and "<svg" in page
    assert "uri" not in cluster.reported(FIRST, "evaluator")["evaluation_report"]


def test_step_tells_its_stages_and_their_sum(first_run) -> None:
    _, _, _, printed = first_run
    for text in printed.values():
        [line] = [line for line in text.splitlines() if line.startswith("stages ")]
        seconds = {name: float(value) for name, value in re.findall(r"(\w+) ([\d.]+) s", line)}
        assert set(seconds) == {"imports", "metadata", "driver", "executor", "report", "total", "overhead"}
        parts = sum(seconds[name] for name in ("imports", "metadata", "driver", "executor", "report"))
        # What is not in a stage is parsing and printing; each figure is rounded to 0.1 s.
        assert seconds["total"] == pytest.approx(parts, abs=1.0)
        assert seconds["overhead"] == pytest.approx(seconds["total"] - seconds["executor"], abs=0.11)


def test_later_runs_use_the_cache_until_they_are_told_where_to_start(first_run) -> None:
    cluster, family, spec, _ = first_run
    if family != "matrix-factorization":
        pytest.skip("the same for every family; once is enough")
    assert _cached(cluster.run_all(spec, SECOND)) == set(spec.steps)
    assert all(one["metadata"]["cached"] is True for one in cluster.reported(SECOND, "trainer").values())

    again = _cached(cluster.run_all(spec, THIRD, rerun_from="Trainer"))

    assert again == {"ingest", "schema", "statistics-gen", "example-validator", "transform"}


def test_unknown_node_to_start_from_is_refused(first_run) -> None:
    cluster, _, spec, _ = first_run
    done = cluster.step(spec, "schema", "run-x", rerun_from="Trainr")
    assert done.returncode == 2
    assert "There is no node `Trainr`" in done.stdout and "Traceback" not in done.stdout


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    yield from _cluster(tmp_path)


def test_metadata_that_stays_away_ends_the_step_with_what_to_type_next(cluster: Cluster) -> None:
    spec = cluster.compile("matrix-factorization")
    cluster.stop()
    done = cluster.step(spec, "schema", "run-9", "--metadata-wait", "3")
    assert done.returncode == 1
    assert f"ML Metadata at grpc://127.0.0.1:{cluster.port} does not answer" in done.stdout
    [*_, block, _] = done.stdout.split("-" * 72)
    assert "has not answered for 3 s" in block and "lodestar resume run-9" in block
    assert "Traceback" not in done.stdout


def test_step_survives_a_restart_of_metadata(cluster: Cluster) -> None:
    spec = cluster.compile("matrix-factorization")
    step = cluster.start_step(spec, "ingest", "run-1")
    assert step.stdout is not None
    lines = []
    for line in step.stdout:
        lines.append(line)
        if "answers" in line:
            cluster.stop()
        if "does not answer" in line and cluster.server is not None and cluster.server.poll() is not None:
            cluster.start()
    assert step.wait(timeout=300) == 0, "".join(lines)
    assert any("does not answer" in line for line in lines)
    assert "Ingest: done; 100,004 ratings" in lines[-1]


def test_bad_data_is_told_with_its_line_and_without_a_traceback(
    cluster: Cluster, ratings_folder: Path
) -> None:
    bad = shutil.copytree(ratings_folder, cluster.home / "data" / "bad")
    rows = (bad / "ratings.csv").read_text().splitlines()
    (bad / "ratings.csv").write_text("\n".join([*rows[:7], "u1,i1,high,1000", *rows[8:]]))
    spec = cluster.compile("matrix-factorization", "--data", str(bad))
    done = cluster.step(spec, "ingest", "run-1")
    assert done.returncode == 2
    [*_, block, _] = done.stdout.split("-" * 72)
    assert f"Ingest failed: {bad / 'ratings.csv'}:8:" in block and "lodestar resume run-1" in block
    assert "Traceback" not in done.stdout
    assert not (cluster.root / "outputs" / "run-1" / "ingest.json").exists()


def test_step_that_is_stopped_leaves_a_run_that_can_be_repeated(cluster: Cluster) -> None:
    spec = cluster.compile("matrix-factorization")
    step = cluster.start_step(spec, "ingest", "run-1")
    assert step.stdout is not None
    next(line for line in step.stdout if "answers" in line)
    time.sleep(0.5)
    step.send_signal(signal.SIGKILL)
    step.communicate()
    done = cluster.step(spec, "ingest", "run-1")
    assert (done.returncode, "Ingest: done" in done.stdout) == (0, True), done.stdout


def test_importers_resolvers_conditions_and_parameters(cluster: Cluster) -> None:
    """Run a pipeline that has one of each, twice."""
    schema = cluster.root / "schema"
    schema.mkdir()
    file = cluster.root / "toy.yaml"
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    script = str(REPOSITORY / "tests" / "toy_pipeline.py")
    command = [sys.executable, script, str(cluster.overlay()), str(schema), str(file)]
    subprocess.run(command, check=True, env=env, cwd=cluster.root)
    spec = CompiledSpec(file.read_text())

    big = cluster.run_all(spec, FIRST, word="it's", times=7)
    small = cluster.run_all(spec, SECOND, word="it's", times=2, rate=1e-3)

    assert "Big: done" in big["big"]
    assert "Big: skipped: its condition does not hold" in small["big"]
    assert cluster.reported(SECOND, "big") == {}
    given = [
        Path(cluster.reported(run, "count")["model"]["uri"], "given.txt").read_text()
        for run in (FIRST, SECOND)
    ]
    assert given == ['"it\'s" 7 0.5', '"it\'s" 2 0.001']
    assert cluster.reported(FIRST, "the-schema")["result"]["uri"] == str(schema)
    found = cluster.reported(SECOND, "earlier-model")["model"]["uri"]
    assert found == cluster.reported(SECOND, "count")["model"]["uri"]
    assert _cached(small) == {"the-schema", "last"}
