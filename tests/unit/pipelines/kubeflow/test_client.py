"""Edges of the client: names that are taken, unknown or ambiguous, states that lag; see also tests/cluster.

A small server gives the answers of one path each, in their order; the last one stays.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from components.errors import InputError
from pipelines.kubeflow.client import Client, Submission
from pipelines.kubeflow.connection import connect
from pipelines.kubeflow.cron import parse_cron
from pipelines.kubeflow.schedules import Schedules
from pipelines.status import State

API = "/apis/v2beta1"
ID = "0a1b2c3d-0000-4000-8000-000000000001"
OTHER = "0a1b2c3d-0000-4000-8000-000000000002"
PARAMETERS = {"rerun_from": {"parameterType": "STRING", "isOptional": True}}
SPEC = {
    "pipeline_spec": {
        "root": {
            "inputDefinitions": {"parameters": PARAMETERS},
            "dag": {"tasks": {"trainer": {"taskInfo": {"name": "Trainer"}}}},
        }
    }
}


class Api(BaseHTTPRequestHandler):
    """Answers from `server.answers`: (method, path) -> answers in their order."""

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.asked.append((self.command, parts, json.loads(body or "null")))
        answers = self.server.answers.get((self.command, parts.path), [None])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        self.send_response(200 if answer is not None else 404)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(answer or {"message": "not found"}).encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    with HTTPServer(("127.0.0.1", 0), Api) as server:
        server.asked, server.answers = [], {("GET", f"{API}/healthz"): [{"multi_user": False}]}
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def client(server: HTTPServer, multi_user: bool = False) -> Client:
    server.answers["GET", f"{API}/healthz"] = [{"multi_user": multi_user}]
    return Client(connect(f"http://127.0.0.1:{server.server_port}", "team"), "team")


def run(run_id: str = ID, name: str = "nightly", state: str = "SUCCEEDED", **more: Any) -> dict[str, Any]:
    return {"run_id": run_id, "display_name": name, "state": state, "pipeline_spec": SPEC, **more}


def posted(server: HTTPServer, path: str) -> list[Any]:
    return [body for method, parts, body in server.asked if method == "POST" and parts.path == path]


def test_name_of_a_run_that_is_taken_is_refused_before_anything_is_made(server: HTTPServer) -> None:
    server.answers["GET", f"{API}/runs"] = [{"runs": [run()]}]
    with pytest.raises(InputError, match="already a run `nightly`") as error:
        client(server).submit(Submission("nightly", "e", SPEC, "robot"))
    assert error.value.exit_code == 2
    assert [method for method, _, _ in server.asked if method == "POST"] == []


def test_name_of_a_schedule_that_is_taken_is_refused(server: HTTPServer) -> None:
    server.answers["GET", f"{API}/recurringruns"] = [{"recurringRuns": [{"display_name": "nightly"}]}]
    schedules = Schedules(connect(f"http://127.0.0.1:{server.server_port}", "team"), "team")
    with pytest.raises(InputError, match="already a schedule `nightly`"):
        schedules.create(Submission("nightly", "e", SPEC, "robot"), parse_cron("0 3 * * *"), 1, False)


@pytest.mark.parametrize("number", [0, 11, -1])
def test_concurrency_that_the_api_refuses_is_told_first(server: HTTPServer, number: int) -> None:
    schedules = Schedules(connect(f"http://127.0.0.1:{server.server_port}", "team"), "team")
    with pytest.raises(InputError, match="out of range"):
        schedules.create(Submission("n", "e", SPEC, "robot"), parse_cron("0 3 * * *"), number, False)


def test_unknown_name_suggests_the_nearest(server: HTTPServer) -> None:
    server.answers["GET", f"{API}/runs"] = [{}, {"runs": [run(name="nightly-1"), run(OTHER, "weekly")]}]
    with pytest.raises(InputError) as error:
        client(server).find("nigthly-1")
    assert "Did you mean `nightly-1`?" in error.value.cure


def test_unknown_id_is_told(server: HTTPServer) -> None:
    with pytest.raises(InputError, match=f"no run `{ID}`"):
        client(server).find(ID)


def test_start_of_two_names_is_ambiguous(server: HTTPServer) -> None:
    server.answers["GET", f"{API}/runs"] = [{}, {"runs": [run(name="n-1"), run(OTHER, "n-2")]}]
    with pytest.raises(InputError, match=r"fits 2 runs: n-1 .*, n-2"):
        client(server).find("n-")


def test_start_of_one_id_is_enough_and_older_pages_are_searched(server: HTTPServer) -> None:
    server.answers["GET", f"{API}/runs"] = [
        {},
        {"runs": [run("ffffffff-0000", "x")], "next_page_token": "2"},
        {"runs": [run()]},
    ]
    server.answers["GET", f"{API}/runs/{ID}"] = [run()]
    assert client(server).find("0a1b").display_name == "nightly"
    tokens = [parse_qs(parts.query).get("page_token") for _, parts, _ in server.asked[2:4]]
    assert tokens == [None, ["2"]]


@pytest.mark.parametrize("multi_user", [False, True])
def test_namespace_is_sent_only_to_a_multi_user_installation(server: HTTPServer, multi_user: bool) -> None:
    server.answers["GET", f"{API}/runs"] = [{}]
    client(server, multi_user).runs(5)
    query = parse_qs(server.asked[-1][1].query)
    assert query.get("namespace") == (["team"] if multi_user else None)


def test_steps_that_lag_behind_their_run_are_read_again(server: HTTPServer) -> None:
    def at(state: str) -> dict[str, Any]:
        task = {"task_id": "t", "display_name": "trainer", "state": state}
        return run(run_details={"task_details": [task]})

    server.answers["GET", f"{API}/runs/{ID}"] = [at("RUNNING"), at("RUNNING"), at("SUCCEEDED")]
    slept: list[float] = []
    status = client(server).status(ID, slept.append)
    assert [step.state for step in status.parts] == [State.DONE]
    assert len(slept) == 2


def test_steps_that_never_catch_up_do_not_keep_a_command_waiting(server: HTTPServer) -> None:
    task = {"task_id": "t", "display_name": "trainer", "state": "RUNNING"}
    server.answers["GET", f"{API}/runs/{ID}"] = [run(state="FAILED", run_details={"task_details": [task]})]
    slept: list[float] = []
    status = client(server).status(ID, slept.append)
    assert status.exit_code == 1
    assert [step.state for step in status.parts] == [State.CANCELED]
    assert sum(slept) < 10


def test_resume_repeats_spec_parameters_and_account_under_a_free_name(server: HTTPServer) -> None:
    old = run(
        state="FAILED",
        experiment_id="e1",
        service_account="robot",
        runtime_config={"parameters": {"pipeline_root": "/x"}},
    )
    server.answers["GET", f"{API}/runs/{ID}"] = [old]
    server.answers["GET", f"{API}/runs"] = [{"runs": [run(name="nightly-resume-1")]}]
    server.answers["POST", f"{API}/runs"] = [run(OTHER, "nightly-resume-2")]
    api = client(server)
    api.resume(api.find(ID), "trainer")
    [body] = posted(server, f"{API}/runs")
    assert body["display_name"] == "nightly-resume-2"
    assert body["pipeline_spec"] == SPEC
    assert body["runtime_config"]["parameters"] == {"pipeline_root": "/x", "rerun_from": "Trainer"}
    assert (body["service_account"], body["experiment_id"]) == ("robot", "e1")


def test_resume_from_a_step_needs_a_spec_that_can_be_told_so(server: HTTPServer) -> None:
    foreign = {"root": {"dag": {"tasks": {"trainer": {}}}}}
    server.answers["GET", f"{API}/runs/{ID}"] = [{**run(), "pipeline_spec": foreign}]
    api = client(server)
    with pytest.raises(InputError, match="no parameter `rerun_from`"):
        api.resume(api.find(ID), "trainer")
