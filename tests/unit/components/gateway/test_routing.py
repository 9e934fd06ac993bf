from __future__ import annotations

import json
import os

import pytest

from components.gateway.deployments import NOT_PINNED, Canary, Deployed, DeploymentFile
from components.gateway.failures import explained
from components.gateway.predictor import NEWEST, PredictorError, Which
from components.gateway.routing import CANARY, STABLE, Ask, Router, share

NO_LABEL = "Unrecognized servable version label: stable"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "deployments.json"

    def write(text):
        aside = tmp_path / "aside"
        aside.write_text(text if isinstance(text, str) else json.dumps(text))
        aside.rename(path)
        return DeploymentFile(path)

    return write


class Server:
    """Answers some of the versions and notes which were asked for."""

    def __init__(self, **failures: str) -> None:
        self.failures, self.asked = failures, []

    def __call__(self, which: Which) -> str:
        self.asked.append(which)
        failure = self.failures.get(which.label or "newest")
        if failure:
            code, _, message = failure.partition(" ")
            raise PredictorError("m", code, message)
        return "answer"


def test_stable_is_asked_first():
    server = Server()
    assert Router(DeploymentFile(None)).send(Ask("m", NEWEST), server) == (STABLE, "answer")
    assert server.asked == [STABLE]


def test_server_without_labels_is_asked_for_the_newest_and_remembered_for_a_second():
    now, server = [0.0], Server(stable=f"INVALID_ARGUMENT {NO_LABEL}")
    router = Router(DeploymentFile(None), lambda: now[0])
    for moment in (0.0, 0.99, 1.01):
        now[0] = moment
        assert router.send(Ask("m", NEWEST), server) == (NEWEST, "answer")
    assert server.asked == [STABLE, NEWEST, NEWEST, STABLE, NEWEST]


@pytest.mark.parametrize("which", [Which(version=3), Which(label="canary")])
def test_version_that_is_asked_for_is_the_only_one(which):
    server = Server(canary=f"INVALID_ARGUMENT {NO_LABEL}", newest="NOT_FOUND x")
    with pytest.raises(PredictorError):
        Router(DeploymentFile(None)).send(Ask("m", which), server)
    assert server.asked == [which]


@pytest.mark.parametrize(
    "failure", ["UNAVAILABLE gone", "INVALID_ARGUMENT wrong input", "NOT_FOUND servable"]
)
def test_other_failures_of_stable_are_the_callers(failure):
    server = Server(stable=failure)
    with pytest.raises(PredictorError):
        Router(DeploymentFile(None)).send(Ask("m", NEWEST), server)
    assert server.asked == [STABLE]


def test_canary_that_was_taken_back_fails_nobody(file):
    deployed = file({"m": {"stable": 1, "canary": {"version": 2, "percent": 100}}})
    for failure in ("NOT_FOUND servable", "FAILED_PRECONDITION label", f"INVALID_ARGUMENT {NO_LABEL}"):
        server = Server(canary=failure)
        assert Router(deployed).send(Ask("m", NEWEST), server) == (STABLE, "answer")
        assert server.asked == [CANARY, STABLE]


def test_share_is_spread_evenly_and_depends_on_model_and_caller():
    shares = [share("m", f"caller {n}") for n in range(2000)]
    assert 180 < sum(one < 10 for one in shares) < 220 + 20
    assert share("m", "a") == share("m", "a") != share("n", "a")
    assert all(0 <= one < 100 for one in shares)


def test_missing_file_pins_nothing(tmp_path):
    assert DeploymentFile(tmp_path / "absent").of("m") == DeploymentFile(None).of("m") == NOT_PINNED


def test_file_is_read_again_when_it_changes(file):
    deployed = file({"m": {"stable": 1, "canary": None, "previous": None, "revision": 1}})
    assert deployed.of("m") == Deployed(1)
    file({"m": {"stable": 1, "canary": {"version": 2, "percent": 12.5}}})
    assert deployed.of("m") == Deployed(1, Canary(2, 12.5))
    file({})
    assert deployed.of("m") == NOT_PINNED


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"m": 1}', '{"m": {"stable": "x"}}', '{"m": {"canary": {}}}'][:-1]
)
def test_broken_file_moves_no_traffic(file, text):
    deployed = file({"m": {"stable": 1}})
    assert deployed.of("m") == Deployed(1)
    file(text)
    assert deployed.of("m") == Deployed(1)


def test_unchanged_file_is_not_read_again(file, tmp_path):
    deployed = file({"m": {"stable": 1}})
    assert deployed.of("m") == Deployed(1)
    path = tmp_path / "deployments.json"
    stat = path.stat()
    with path.open("r+") as same:
        same.write(json.dumps({"m": {"stable": 9}}))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert deployed.of("m") == Deployed(1)


@pytest.mark.parametrize(
    ("code", "message", "status", "word"),
    [
        ("NOT_FOUND", "Servable not found for request: Latest(m)", 404, "not_served"),
        ("INVALID_ARGUMENT", NO_LABEL, 404, "unknown_label"),
        ("FAILED_PRECONDITION", 'Serving signature key "similar" not found.', 501, "unsupported"),
        ("INVALID_ARGUMENT", "Expected image\n\t [[node]]", 400, "refused_by_model"),
        ("DEADLINE_EXCEEDED", "Deadline Exceeded", 504, "timeout"),
        ("UNAVAILABLE", "refused", 503, "unavailable"),
        ("RESOURCE_EXHAUSTED", "queue is full", 503, "unavailable"),
        ("INTERNAL", "boom", 502, "model_failed"),
        ("UNKNOWN", "boom", 502, "model_failed"),
    ],
)
def test_what_a_model_server_says_becomes_an_http_status(code, message, status, word):
    error = explained(PredictorError("m", code, message))
    assert (error.status, error.code) == (status, word)
    assert "\n" not in error.message
    assert ("Retry-After" in error.headers) == (status == 503)
