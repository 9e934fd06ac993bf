"""Runs and schedules from their start to their end, on a stand-in that runs the steps as processes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import kfp_server_api
import pytest

from components.errors import InputError, LodestarError
from pipelines.kubeflow.client import Client, Submission
from pipelines.kubeflow.connection import connect, find_cluster
from pipelines.kubeflow.cron import parse_cron
from pipelines.kubeflow.logs import read_logs
from pipelines.kubeflow.schedules import Schedules
from pipelines.kubeflow.steps import steps_of
from pipelines.kubeflow.workflow import WorkflowReader
from pipelines.status import State, Status
from tests.kubeflow_api.server import KubeflowServer, serving
from tests.kubeflow_api.store import Store

LAG_S = 0.5
LEAVE = "import os; open(os.environ['LODESTAR_TERMINATION_LOG'], 'w').write({!r})"
FINE = LEAVE.format("One: cached: an earlier run's outputs are re-used; 3 rows")
FAILS = LEAVE.format("Two failed: loss is NaN.") + "; raise SystemExit(2)"
WAITS = "import time; print('waiting', flush=True); time.sleep(60)"
TOMORROW = datetime.now(timezone.utc).replace(hour=0, minute=0, second=0) + timedelta(days=1)


def document(**scripts: str) -> Mapping[str, Any]:
    """Return a compiled spec of steps that run after one another, each a script of Python."""
    parameter = {"rerun_from": {"parameterType": "STRING"}}
    keys = list(scripts)
    tasks = {
        key: {
            "taskInfo": {"name": key.title()},
            "componentRef": {"name": f"comp-{key}"},
            "cachingOptions": {},
            "inputs": {"parameters": {"rerun_from": {"componentInputParameter": "rerun_from"}}},
            **({"dependentTasks": [before]} if before else {}),
        }
        for key, before in zip(keys, ["", *keys], strict=False)
    }
    containers = {
        f"exec-{key}": {"container": {"image": "a/b:1", "command": ["python", "-c"], "args": [script]}}
        for key, script in scripts.items()
    }
    optional = {"parameterType": "STRING", "defaultValue": "", "isOptional": True}
    spec = {
        "schemaVersion": "2.1.0",
        "sdkVersion": "kfp-2.5.0",
        "pipelineInfo": {"name": "test"},
        "components": {
            f"comp-{key}": {"executorLabel": f"exec-{key}", "inputDefinitions": {"parameters": parameter}}
            for key in keys
        },
        "deploymentSpec": {"executors": containers},
        "root": {"inputDefinitions": {"parameters": {"rerun_from": optional}}, "dag": {"tasks": tasks}},
    }
    executors = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": {}}}}}
    return {"pipeline_spec": spec, "platform_spec": executors}


def submission(name: str, **scripts: str) -> Submission:
    return Submission(name, "tests", document(**scripts), "lodestar-pipeline")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[KubeflowServer]:
    with serving(Store(tmp_path, lag=LAG_S)) as one:
        yield one


@pytest.fixture
def client(server: KubeflowServer) -> Client:
    return Client(connect(server.host, "kubeflow"), "kubeflow")


@pytest.fixture
def reading(server: KubeflowServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Client:
    """The client of an account that may read pods, through the proxy of the Kubernetes API."""
    config = server.kubeconfig(tmp_path / "config")
    # $KUBECONFIG was read when the library was imported.
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(config))
    for name in ("LODESTAR_KFP_HOST", "KF_PIPELINES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    return Client(connect(None, "kubeflow"), "kubeflow", WorkflowReader(find_cluster(), "kubeflow"))


def until(true: Callable[[], Any], seconds: float = 20.0) -> Any:
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.05)
    return found


def ended(client: Client, run: Any) -> Status:
    return until(lambda: (status := client.status(run.run_id)).state.final and status)


def shown(status: Status) -> list[tuple[str, str, str, str]]:
    return [(part.name, part.state.value, part.made, part.why) for part in status.parts]


def test_steps_run_in_order_and_are_all_done_when_the_run_is(client: Client) -> None:
    status = ended(client, client.submit(submission("r", one="", two="")))
    assert (status.state, status.exit_code) == (State.DONE, 0)
    assert shown(status) == [("One", "done", "", ""), ("Two", "done", "", "")]
    first, second = status.parts
    assert first.finished and second.started and first.finished <= second.started


def test_failed_step_stops_the_run_and_says_with_which_exit_code(client: Client) -> None:
    status = ended(client, client.submit(submission("r", one="", two=FAILS, three="")))
    assert status.exit_code == 1
    assert shown(status) == [
        ("One", "done", "", ""),
        ("Two", "failed", "", "failed to execute component: exit status 2"),
        ("Three", "skipped", "", ""),
    ]


def test_what_steps_left_on_their_pods_is_shown(reading: Client) -> None:
    status = ended(reading, reading.submit(submission("r", one=FINE, two=FAILS)))
    assert shown(status) == [
        ("One", "reused", "3 rows", ""),
        ("Two", "failed", "", "Two failed: loss is NaN."),
    ]


def test_logs_are_followed_until_the_run_ends(reading: Client) -> None:
    run = reading.submit(submission("r", one="print('a')", two="import time; time.sleep(0.5); print('b')"))
    pods = WorkflowReader(find_cluster(), "kubeflow")
    steps = steps_of(document(one="", two=""))
    lines = read_logs(
        lambda: pods.pods(run.run_id, steps),
        pods.log,
        lambda: reading.status(run.run_id).state.final,
        follow=True,
        sleep=lambda _: time.sleep(0.1),
    )
    assert [(line.step, line.text) for line in lines] == [("One", "a"), ("Two", "b")]


def test_terminated_run_is_canceled_and_its_process_is_gone(client: Client, server: KubeflowServer) -> None:
    run = client.submit(submission("r", one="", two=WAITS, three=""))
    until(lambda: client.status(run.run_id).parts[1].state is State.RUNNING)
    client.terminate(run.run_id)
    assert client.status(run.run_id).state in (State.CANCELING, State.CANCELED)
    status = ended(client, run)
    assert [(part.name, part.state.value) for part in status.parts] == [
        ("One", "done"),
        ("Two", "canceled"),
        ("Three", "skipped"),
    ]
    assert [node.exit_code for node in server.store.executions[run.run_id].executors() if node.log] == [
        0,
        143,
    ]


def test_resumed_run_has_the_spec_of_the_first_and_tells_where_to_start(client: Client) -> None:
    run = client.submit(submission("r", one="", two=""))
    ended(client, run)
    again = client.resume(client.find("r"), "two")
    assert (again.display_name, again.runtime_config.parameters) == ("r-resume-1", {"rerun_from": "Two"})
    assert again.pipeline_spec == run.pipeline_spec
    assert ended(client, again).exit_code == 0


def test_name_that_is_taken_is_refused(client: Client) -> None:
    client.submit(submission("r", one=""))
    with pytest.raises(InputError, match="already a run `r`"):
        client.submit(submission("r", one=""))


def test_runs_are_listed_newest_first_over_several_pages(client: Client) -> None:
    made = [client.submit(submission(f"r{number}", one="")).display_name for number in range(4)]
    assert [run.display_name for run in client.runs(3)] == made[:0:-1]
    assert client.find("r2").display_name == "r2"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"pipeline_spec": {**document(one="")["pipeline_spec"], "schemaVersion": "2.0.0"}},
            "schema version",
        ),
        ({"pipeline_spec": {**document(one="")["pipeline_spec"], "typo": 1}}, "no field named"),
        ({"runtime_config": {"parameters": {"typo": "x"}}}, "not required by pipeline: typo"),
        ({"runtime_config": {"parameters": {"rerun_from": 3}}}, "requires type string"),
        ({"experiment_id": "nowhere"}, "nowhere not found"),
        ({"display_name": ""}, "name is empty"),
        ({"run_id": "mine"}, "must not be set"),
    ],
)
def test_server_refuses_what_kubeflow_pipelines_refuses(
    client: Client, server: KubeflowServer, change: Mapping[str, Any], says: str
) -> None:
    api = connect(server.host, "kubeflow")
    body = {
        "display_name": "r",
        "experiment_id": client.experiment("tests"),
        "pipeline_spec": document(one=""),
        **change,
    }
    runs = kfp_server_api.RunServiceApi(api.api)
    with pytest.raises(LodestarError, match=says):
        api.call(runs.create_run, kfp_server_api.V2beta1Run(**body))
    assert client.runs(10) == []


def test_first_runs_of_an_experiment_can_be_submitted_at_the_same_time(server: KubeflowServer) -> None:
    clients = [Client(connect(server.host, "kubeflow"), "kubeflow") for _ in range(8)]
    with ThreadPoolExecutor(len(clients)) as pool:
        for name in ("one", "two", "three", "four", "five"):
            found = set(pool.map(lambda client, name=name: client.experiment(name), clients))
            assert len(found) == 1
    assert any(refusal.http == 409 for refusal in server.refused)


def test_single_user_server_refuses_a_namespace(server: KubeflowServer) -> None:
    api = connect(server.host, "kubeflow")
    with pytest.raises(LodestarError, match="single-user mode"):
        api.call(kfp_server_api.RunServiceApi(api.api).list_runs, namespace="kubeflow")


@pytest.fixture
def schedules(server: KubeflowServer) -> Schedules:
    return Schedules(connect(server.host, "kubeflow"), "kubeflow")


def fired(client: Client) -> list[str]:
    return [run.display_name.split("-")[0] for run in client.runs(50)]


def make(schedules: Schedules, catchup: bool, most: int = 1, script: str = "") -> None:
    schedules.create(submission("s", one=script), parse_cron("0 3 * * *"), most, catchup)


def test_schedule_fires_at_its_time_and_its_run_runs(
    schedules: Schedules, client: Client, server: KubeflowServer
) -> None:
    make(schedules, catchup=False)
    server.store.advance(TOMORROW.replace(hour=2, minute=59))
    before = fired(client)
    server.store.advance(TOMORROW.replace(hour=3))
    server.store.advance(TOMORROW.replace(hour=4))
    # Today's 03:00 may have been still to come.
    [run] = client.runs(50)[: 1 if before else None]
    assert len(client.runs(50)) == len(before) + 1
    assert ended(client, run).exit_code == 0


@pytest.mark.parametrize(("catchup", "runs"), [(False, 1), (True, 3)])
def test_missed_firings_are_made_up_for_only_with_catchup(
    schedules: Schedules, client: Client, server: KubeflowServer, catchup: bool, runs: int
) -> None:
    server.store.advance(TOMORROW)
    make(schedules, catchup, most=5)
    server.store.advance(TOMORROW + timedelta(days=3))
    assert fired(client) == ["s"] * runs


def test_no_more_runs_go_on_than_the_schedule_allows(
    schedules: Schedules, client: Client, server: KubeflowServer
) -> None:
    server.store.advance(TOMORROW)
    make(schedules, catchup=True, most=2, script=WAITS)
    server.store.advance(TOMORROW + timedelta(days=3))
    assert fired(client) == ["s"] * 2
    client.terminate(client.runs(1)[0].run_id)
    until(lambda: len(fired(client)) == 3)


def test_paused_schedule_does_not_fire(schedules: Schedules, client: Client, server: KubeflowServer) -> None:
    server.store.advance(TOMORROW)
    make(schedules, catchup=False)
    schedules.pause("s")
    assert schedules.list()[0].status == "DISABLED"
    server.store.advance(TOMORROW + timedelta(days=1))
    assert fired(client) == []
    schedules.resume("s")
    server.store.advance(TOMORROW + timedelta(days=2))
    assert fired(client) == ["s"]
    schedules.delete("s")
    server.store.advance(TOMORROW + timedelta(days=3))
    assert (fired(client), schedules.list()) == (["s"], [])


def test_schedule_beyond_what_the_server_takes_is_refused(schedules: Schedules) -> None:
    with pytest.raises(InputError, match="--max-concurrency takes 1 to 10"):
        make(schedules, catchup=False, most=11)
    make(schedules, catchup=False)
    with pytest.raises(InputError, match="already a schedule `s`"):
        make(schedules, catchup=False)
