import json

import kubernetes
import pytest
import urllib3
from kubernetes.client import ApiException

from components.errors import LodestarError
from components.tfjob.api import Kubernetes


def answer(status: int, reason: str, message: str = "") -> ApiException:
    error = ApiException(status=status, reason=reason)
    error.body = json.dumps({"reason": reason, "message": message or reason})
    return error


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def api(pauses) -> Kubernetes:
    return Kubernetes(kubernetes.client.ApiClient(), "team", pauses.append)


def replies(monkeypatch, api, method: str, *results) -> list:
    """Let a method of the generated client give these results, one after the other."""
    left, calls = list(results), []

    def call(*arguments, **options):
        calls.append(arguments)
        result = left.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    monkeypatch.setattr(api._objects, method, call)
    return calls


CREATE, GET = "create_namespaced_custom_object", "get_namespaced_custom_object"


def test_what_passes_is_tried_again_with_growing_pauses(monkeypatch, api, pauses):
    passing = [
        answer(500, "InternalError"),
        answer(429, "TooManyRequests"),
        urllib3.exceptions.ProtocolError("reset"),
        answer(409, "Conflict"),
    ]
    calls = replies(monkeypatch, api, CREATE, *passing, {})
    assert api.create({})
    assert len(calls) == 5
    assert pauses == [1, 2, 4, 8]


def test_a_server_that_never_answers_is_told(monkeypatch, api, pauses):
    replies(monkeypatch, api, GET, *[urllib3.exceptions.ProtocolError("reset")] * 8)
    with pytest.raises(LodestarError, match="The Kubernetes API does not answer: reset"):
        api.job("job")
    assert sum(pauses) < 120


@pytest.mark.parametrize(
    ("error", "cure"),
    [
        (answer(403, "Forbidden", "tfjobs is forbidden"), "lodestar-pipeline"),
        (answer(404, "NotFound", "the server could not find the requested resource"), "training operator"),
        (answer(422, "Invalid", "spec.x: unknown"), "tfjob.yaml"),
        (answer(401, "Unauthorized"), "token"),
    ],
)
def test_a_refusal_is_not_tried_again_and_names_the_cure(monkeypatch, api, pauses, error, cure):
    replies(monkeypatch, api, CREATE, error)
    with pytest.raises(LodestarError, match=rf"Cannot create a TFJob: .*\.\n.*{cure}"):
        api.create({})
    assert pauses == []


def test_a_name_that_is_taken_is_no_error(monkeypatch, api):
    replies(monkeypatch, api, CREATE, answer(409, "AlreadyExists"))
    assert not api.create({})


def test_a_job_that_is_not_there_is_none(monkeypatch, api):
    replies(monkeypatch, api, GET, answer(404, "NotFound"))
    assert api.job("job") is None
