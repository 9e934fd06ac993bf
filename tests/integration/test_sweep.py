"""Sweeps as a user runs them: a real search on this machine, a killed controller, training with the best."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import subprocess
import sys
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kubeflow_api.server import serving
from tests.kubeflow_api.store import Store

from .conftest import Lodestar, states

FAMILY = "matrix-factorization"
FIXED = ("--set", "train.epochs=8", "--parallel", "2")
DATA = ("Ingest", "Schema", "StatisticsGen", "ExampleValidator", "Transform")


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory, ratings_folder: Path) -> tuple[Lodestar, dict[str, Any]]:
    lodestar = Lodestar(tmp_path_factory.mktemp("home"))
    options = (*FIXED, "--data", str(ratings_folder), "--trials", "6", "--initial", "4", "--seed", "3")
    done = lodestar("sweep", FAMILY, *options, "-o", "json")
    assert done.returncode == 0, done.stderr
    return lodestar, json.loads(done.stdout)


def records(lodestar: Lodestar, name: str) -> list[dict[str, Any]]:
    path = lodestar.home / "sweeps" / name / "journal.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_sweep_ends_with_the_best_of_its_trials(swept) -> None:
    _, result = swept
    assert (result["name"], result["state"]) == (f"{FAMILY}-1", "done")
    assert [trial["state"] for trial in result["parts"]] == ["done"] * 6
    best = min(result["parts"], key=lambda trial: trial["value"])
    assert result["best"]["trial"] == best["trial"]
    assert set(best["params"]) <= set(re.findall(r"train\.\w+", result["best"]["command"]))


def test_sweep_asks_the_surrogate_after_the_initial_points(swept) -> None:
    lodestar, result = swept
    strategies = [
        r["proposer"]["strategy"] for r in records(lodestar, result["name"]) if r["event"] == "proposed"
    ]
    assert strategies[0] == "default"
    assert set(strategies[1:4]) == {"initial"}
    assert set(strategies[4:]) == {"gp"}


def test_trials_leave_curves_a_log_and_no_model(swept) -> None:
    lodestar, result = swept
    for folder in (lodestar.home / "sweeps" / result["name"] / "trials").iterdir():
        assert (folder / "values.jsonl").read_text().count("\n") >= 1
        assert "imports took" in (folder / "log.txt").read_text()
        assert list((folder / "tensorboard").rglob("events.out.tfevents.*"))
        assert not list(folder.rglob("saved_model.pb"))


def test_report_is_one_page_with_the_best_command(swept) -> None:
    _, result = swept
    page = Path(result["report"]).read_text(encoding="utf-8")
    assert page.count("<svg") >= 3
    assert "http" not in page
    assert "--set train.learning_rate=" in page


def test_from_sweep_trains_with_the_best_settings(swept) -> None:
    lodestar, result = swept
    run = lodestar.run(FAMILY, "--from-sweep", result["name"])
    assert states(run) == {
        **dict.fromkeys(DATA, "reused"),
        "Trainer": "done",
        "Evaluator": "done",
        "Pusher": "done",
    }
    settings = lodestar("run", FAMILY, "--from-sweep", result["name"], "--show-settings")
    train = json.loads(settings.stdout)["train"]
    for name, value in result["best"]["params"].items():
        assert train[name.removeprefix("train.")] == value
    assert train["epochs"] == 8


def test_from_sweep_refuses_another_family(swept) -> None:
    lodestar, result = swept
    done = lodestar("run", "text-search", "--from-sweep", result["name"])
    assert done.returncode == 2
    assert FAMILY in done.stderr


@contextlib.contextmanager
def controlling(
    lodestar: Lodestar, name: str, started: int, *options: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a sweep, and yield its controller when it has started so many trials."""
    command = [sys.executable, "-m", "pipelines", "sweep", FAMILY, *options, "--name", name]
    environment = {**os.environ, "LODESTAR_HOME": str(lodestar.home)}
    with subprocess.Popen(
        command, cwd=lodestar.code, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as controller:
        deadline = time.monotonic() + 300
        while sum(r["event"] == "started" for r in records(lodestar, name)) < started:
            assert controller.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        yield controller


def test_killed_sweep_goes_on_where_it_was(swept, ratings_folder: Path) -> None:
    lodestar, _ = swept
    options = (*FIXED, "--data", str(ratings_folder), "--trials", "3")
    with controlling(lodestar, "killed", 2, *options) as controller:
        refused = lodestar("sweep", FAMILY, "--name", "killed", "--resume")
        assert refused.returncode == 1
        assert f"process {controller.pid}" in refused.stderr
        controller.kill()
    waiting = lodestar("sweep", "status", "killed", "-o", "json")
    assert (waiting.returncode, json.loads(waiting.stdout)["state"]) == (3, "waiting")
    assert lodestar("sweep", "set", "killed", "--trials", "4").returncode == 0
    done = lodestar("sweep", "resume", "killed")
    assert done.returncode == 0, done.stderr
    assert "4 of 4 trials" in done.stdout
    events = Counter(r["event"] for r in records(lodestar, "killed"))
    assert (events["proposed"], events["started"], events["succeeded"]) == (4, 4, 4)
    assert events["lost"] == 0


def test_stopped_sweep_leaves_no_trial_behind(swept, ratings_folder: Path) -> None:
    lodestar, _ = swept
    slow = ("--set", "train.epochs=100000", "--set", "train.patience=100000", "--trials", "4")
    with controlling(lodestar, "stopped", 4, *slow, "--data", str(ratings_folder)) as controller:
        assert lodestar("sweep", "stop", "stopped").returncode == 0
        assert controller.wait(60) == 1
    assert lodestar("sweep", "status", "stopped").returncode == 1
    assert not processes_of(lodestar.home / "sweeps" / "stopped")


def test_sweep_on_a_cluster_is_a_step_of_the_run_that_is_submitted(
    tmp_path: Path,
) -> None:
    lodestar = Lodestar(tmp_path / "home")
    store = Store(tmp_path, parallel=1)
    with serving(store) as server:
        options = ("--trials", "7", "--stop", "median", "--name", "films", "--host", server.host)
        done = lodestar("sweep", FAMILY, *options, "--on", "cluster", "-o", "json")
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        [run] = store.runs()
    assert (told["sweep"], told["run"]) == ("films", run["display_name"])
    tasks = run["pipeline_spec"]["pipeline_spec"]["root"]["dag"]["tasks"]
    assert "transform" in tasks["tuner"]["dependentTasks"]
    assert "tuner" in tasks["trainer"]["dependentTasks"]
    # The step's node is packed into its command.
    executors = run["pipeline_spec"]["pipeline_spec"]["deploymentSpec"]["executors"]
    [tuner] = [executor["container"] for key, executor in executors.items() if "tuner" in key]
    words = [*tuner["command"], *tuner.get("args", ())]
    node = zlib.decompress(base64.b64decode(words[words.index("--ir") + 1]))
    assert b"films" in node and b"median" in node


def processes_of(folder: Path) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            command = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            found += [command] if str(folder) in command else []
    return found
