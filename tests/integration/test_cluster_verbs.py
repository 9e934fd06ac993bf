"""The verbs of the cluster as a user types them, against a server that runs the steps as processes.

The runs that all tests look at take minutes; they go on side by side.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import NODES, REPOSITORY
from tests.integration.test_kubeflow_steps import QUICK, Cluster
from tests.kubeflow_api.server import KubeflowServer, serving
from tests.kubeflow_api.store import Store

FAMILY = "matrix-factorization"
BEFORE_TRAINER = {"Ingest", "Schema", "StatisticsGen", "ExampleValidator", "Transform"}
LATER = datetime.now(timezone.utc) + timedelta(days=1)
Done = subprocess.CompletedProcess[str]


@dataclass
class Verbs:
    """`lodestar` on a cluster; with a kubeconfig it may read pods, without one it has an address alone."""

    cluster: Cluster
    server: KubeflowServer

    def __call__(self, *arguments: str, pods: bool = True) -> Done:
        process = self.start(*arguments, pods=pods)
        out, err = process.communicate(timeout=600)
        return Done(process.args, process.returncode, out, err)

    def start(self, *arguments: str, pods: bool = True) -> subprocess.Popen[str]:
        config = self.server.kubeconfig(self.cluster.root / "config") if pods else Path("nowhere")
        mine = {name: value for name, value in os.environ.items() if not name.startswith(("LODESTAR", "KF_"))}
        env = {**mine, "KUBECONFIG": str(config), "LODESTAR_HOME": str(self.cluster.root / "laptop")}
        place = ("--overlay", str(self.cluster.overlay()), *(() if pods else ("--host", self.server.host)))
        return subprocess.Popen(
            [sys.executable, "-m", "pipelines", *arguments, *place],
            cwd=REPOSITORY,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def submit(self, name: str, data: str, *more: str, pods: bool = True) -> subprocess.Popen[str]:
        source = str(self.cluster.home / "data" / data)
        options = ("--data", source, *QUICK[FAMILY], "--name", name, *more)
        return self.start("submit", FAMILY, *options, pods=pods)

    def json(self, *arguments: str, pods: bool = True) -> Any:
        return json.loads(self(*arguments, "-o", "json", pods=pods).stdout)

    def step_states(self, run: str) -> dict[str, str]:
        return {part["name"]: part["state"] for part in self.json("status", run)["parts"]}

    def until(self, true: Callable[[], Any], seconds: float = 300.0) -> Any:
        end = time.monotonic() + seconds
        while not (found := true()):
            assert time.monotonic() < end, "it did not come about"
            time.sleep(0.2)
        return found

    def run(self, name: str) -> dict[str, Any]:
        """Return what the server has of a run; empty when there is none."""
        return next((one for one in self.server.store.runs() if one["display_name"] == name), {})

    def started(self, name: str) -> bool:
        """Return whether a step of the run is being executed."""
        tasks = self.run(name).get("run_details", {}).get("task_details", ())
        return any((task["display_name"], task["state"]) == ("executor", "RUNNING") for task in tasks)


@pytest.fixture(scope="module")
def verbs(tmp_path_factory: pytest.TempPathFactory, ratings_folder: Path) -> Iterator[Verbs]:
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    cluster.start()
    shutil.copytree(ratings_folder, cluster.home / "data" / "mine")
    with serving(Store(cluster.root, parallel=3)) as server:
        yield Verbs(cluster, server)
    cluster.stop()


@dataclass(frozen=True)
class Submitted:
    """What two commands printed that ran side by side, and what was seen of the first while it ran."""

    first: Done
    lost: Done
    going_on: Done
    listed: Any


def finished(process: subprocess.Popen[str]) -> Done:
    out, err = process.communicate(timeout=600)
    return Done(process.args, process.returncode, out, err)


@pytest.fixture(scope="module")
def submitted(verbs: Verbs) -> Submitted:
    """A run that succeeds, and one whose data is not there."""
    first = verbs.submit("first", "mine", "--watch")
    lost = verbs.submit("lost", "missing", "--watch", pods=False)
    verbs.until(lambda: verbs.started("first") or first.poll() is not None)
    assert first.poll() is None, first.communicate()
    going_on, listed = verbs("status", "first"), verbs.json("status")
    return Submitted(finished(first), finished(lost), going_on, listed)


@dataclass(frozen=True)
class Repeated:
    """What came of a run that was resumed from the trainer on while a schedule fired."""

    resumed: Done
    made: Done
    fired: Done
    name: str


@pytest.fixture(scope="module")
def repeated(verbs: Verbs, submitted: Submitted) -> Repeated:
    resumed = verbs.start("resume", "first", "--from", "trainer", "--watch")
    source = str(verbs.cluster.home / "data" / "mine")
    options = ("--name", "nightly", "--cron", "0 3 * * *", "--data", source, *QUICK[FAMILY])
    made = verbs("schedule", FAMILY, *options)
    assert made.returncode == 0, made.stderr
    verbs.server.store.advance(LATER)
    name = next(run["name"] for run in verbs.json("status") if run["name"].startswith("nightly"))
    return Repeated(finished(resumed), made, verbs("status", name, "--watch"), name)


def told(text: str) -> dict[str, str]:
    """Return step -> state of the lines that tell of steps."""
    return dict(re.findall(r"^  ([A-Z]\w+) +(\w+) +[\d.]+ s", text, re.MULTILINE))


def test_watched_run_succeeds_with_a_line_per_step(submitted: Submitted, verbs: Verbs) -> None:
    first = submitted.first
    assert first.returncode == 0, first.stdout + first.stderr
    states = told(first.stdout)
    # The other run has the same schema, and may have been there first.
    assert states.pop("Schema") in ("done", "reused")
    assert states == {step: "done" for step in NODES if step != "Schema"}
    assert all(len(re.findall(rf"^  {step} ", first.stdout, re.MULTILINE)) == 1 for step in NODES)
    assert re.search(r"^done after \d+ s$", first.stdout, re.MULTILINE)
    assert (verbs.cluster.home / "serving" / FAMILY / "1" / "saved_model.pb").is_file()


def test_run_that_goes_on_is_shown_with_exit_code_3(submitted: Submitted) -> None:
    assert submitted.going_on.returncode == 3, submitted.going_on.stderr
    assert re.search(r"^  Ingest +(running|pending|done)", submitted.going_on.stdout, re.MULTILINE)
    assert re.search(r"^  Pusher +waiting", submitted.going_on.stdout, re.MULTILINE)
    assert "lodestar logs first --follow" in submitted.going_on.stdout
    assert {run["name"]: run["state"] for run in submitted.listed}["first"] in ("running", "pending")


def test_status_shows_what_each_step_made_where_pods_can_be_read(submitted: Submitted, verbs: Verbs) -> None:
    done = verbs("status", "first")
    assert done.returncode == 0, done.stderr
    made = {part["name"]: part["made"] for part in verbs.json("status", "first")["parts"]}
    assert set(made) == set(NODES)
    assert re.search(r"\d+ ratings", made["Ingest"]) and "version 1" in made["Pusher"]
    assert all(text in done.stdout for text in made.values())


def test_status_without_pods_shows_what_the_api_says(submitted: Submitted, verbs: Verbs) -> None:
    done = verbs("status", "first", pods=False)
    assert done.returncode == 0
    assert told(done.stdout) == dict.fromkeys(NODES, "done")
    assert "what pods wait for is not shown: there is no kubeconfig" in done.stderr


def test_status_without_a_name_lists_the_runs(submitted: Submitted, verbs: Verbs) -> None:
    done = verbs("status")
    assert done.returncode == 0
    assert re.search(r"^first +done +20\d\d-", done.stdout, re.MULTILINE)
    assert re.search(r"^lost +failed", done.stdout, re.MULTILINE)


def test_run_whose_data_is_missing_fails_and_says_at_which_step(submitted: Submitted, verbs: Verbs) -> None:
    lost = submitted.lost
    assert lost.returncode == 1, lost.stdout + lost.stderr
    # The account that followed it could not read pods: it is told what the API says.
    assert re.search(r"^  Ingest +failed .* exit status 2$", lost.stdout, re.MULTILINE)
    assert "lodestar logs lost --step Ingest" in lost.stdout
    found = verbs.json("status", "lost")
    [failed] = [part for part in found["parts"] if part["state"] == "failed"]
    assert (found["state"], failed["name"]) == ("failed", "Ingest")
    assert str(verbs.cluster.home / "data" / "missing") in failed["why"]
    assert "Traceback" not in failed["why"]
    shown = verbs("status", "lost")
    assert shown.returncode == 1
    assert f"    {failed['why'].splitlines()[-1]}" in shown.stdout


def test_logs_of_a_failed_step_end_with_what_failed(submitted: Submitted, verbs: Verbs) -> None:
    done = verbs("logs", "lost", "--step", "ingest")
    assert done.returncode == 0, done.stderr
    header, *lines = done.stdout.splitlines()
    assert header.startswith("== Ingest (")
    assert any("Ingest failed: " in line for line in lines[-6:])


def test_name_that_is_taken_is_refused_and_nothing_is_started(submitted: Submitted, verbs: Verbs) -> None:
    before = len(verbs.server.asked)
    done = finished(verbs.submit("first", "mine"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "There is already a run `first`" in done.stderr
    assert {method for method, _ in verbs.server.asked[before:]} == {"GET"}


def test_resumed_run_reuses_what_comes_before_the_step_it_starts_from(
    repeated: Repeated, verbs: Verbs
) -> None:
    done = repeated.resumed
    assert done.returncode == 0, done.stdout + done.stderr
    assert "run first-resume-1" in done.stdout
    states = told(done.stdout)
    assert {step for step, state in states.items() if state == "reused"} == BEFORE_TRAINER
    assert {step for step, state in states.items() if state == "done"} == set(NODES) - BEFORE_TRAINER
    assert verbs.step_states("first-resume-1") == states


def test_schedule_says_when_it_fires(repeated: Repeated, verbs: Verbs) -> None:
    assert "schedule nightly: 0 0 3 * * * (seconds first, UTC)" in repeated.made.stdout
    times = re.findall(r"20\d\d-\d\d-\d\d 03:00", repeated.made.stdout)
    assert len(times) == 3
    taken = verbs("schedule", FAMILY, "--name", "nightly", "--cron", "0 4 * * *")
    assert taken.returncode == 2
    assert "already a schedule `nightly`" in taken.stderr


def test_run_of_a_schedule_reuses_what_has_not_changed(repeated: Repeated, verbs: Verbs) -> None:
    assert repeated.fired.returncode == 0, repeated.fired.stdout + repeated.fired.stderr
    reused = {step for step, state in verbs.step_states(repeated.name).items() if state == "reused"}
    assert reused >= BEFORE_TRAINER


def test_schedule_is_paused_resumed_and_deleted(repeated: Repeated, verbs: Verbs) -> None:
    for option, state in (("--pause", "paused"), ("--resume", "active")):
        [one] = verbs.json("schedule", option, "nightly")
        assert (one["name"], one["state"], one["cron"]) == ("nightly", state, "0 0 3 * * *")
        assert (one["max_concurrency"], one["catchup"]) == (1, False)
    assert verbs("schedule", "--pause", "nighty").returncode == 2
    assert verbs("schedule", "--delete", "nightly").stdout.startswith("No schedule yet")


def test_terminated_run_is_canceled(repeated: Repeated, verbs: Verbs) -> None:
    going_on = verbs("resume", "first")
    assert going_on.returncode == 0, going_on.stderr
    [name] = re.findall(r"^run +(first-resume-\d)", going_on.stdout, re.MULTILINE)
    verbs.until(lambda: verbs.started(name))
    assert "is still going on" in verbs("resume", name).stderr
    done = verbs("terminate", name)
    assert done.returncode == 0, done.stderr
    verbs.until(lambda: verbs.run(name)["state"] == "CANCELED")
    status = verbs("status", name)
    assert status.returncode == 1
    assert "canceled after" in status.stdout
    assert "failed" not in status.stdout
    again = verbs("terminate", name)
    assert again.returncode == 2
    assert "has already ended: canceled" in again.stderr


def test_host_where_nobody_answers_is_told_at_once(verbs: Verbs) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"http://127.0.0.1:{free.getsockname()[1]}"
    start = time.monotonic()
    done = verbs("submit", FAMILY, "--host", host)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: `{host}` does not answer: Connection refused.")
    assert time.monotonic() - start < 30


def test_server_was_sent_nothing_that_it_refuses(repeated: Repeated, verbs: Verbs) -> None:
    assert [str(refusal) for refusal in verbs.server.refused] == []
