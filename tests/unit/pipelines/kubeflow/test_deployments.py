from __future__ import annotations

from types import SimpleNamespace

import pytest

from pipelines.kubeflow.deployments import _trouble, model_root
from pipelines.kubeflow.platform import load_platform

OURS = """\
error: 1 servable(s) did not become available: {{{name: a version: 1} due to error: INTERNAL: DataLossError:

file is too short}, }.
  Mend or remove the version, or take the model out of the configuration.
"""
THEIRS = (
    "2026-01-01 10:00:00.1: I tensorflow_serving/model_servers/server_core.cc:483] Adding/updating models.\n"
    "Failed to start server. Error: Unknown: 1 servable(s) did not become available: "
    "{{{name: a version: 1} due to error: Not found: x}, }\n"
)


def pod(reason: str, ended: str | None = None, message: str = "") -> SimpleNamespace:
    waiting = SimpleNamespace(reason=reason, message=message)
    last = SimpleNamespace(terminated=SimpleNamespace(message=ended) if ended else None)
    container = SimpleNamespace(state=SimpleNamespace(waiting=waiting, running=None), last_state=last)
    status = SimpleNamespace(container_statuses=[container])
    return SimpleNamespace(metadata=SimpleNamespace(name="p"), status=status)


@pytest.mark.parametrize(("log", "why"), [(OURS, "file is too short}, }"), (THEIRS, "Not found: x}, }")])
def test_pod_that_does_not_start_tells_what_its_server_said_of_the_model(log, why):
    said = _trouble(pod("CrashLoopBackOff", log))
    assert said.startswith("The pod p does not start: CrashLoopBackOff: 1 servable(s) did not become")
    assert said.endswith(f"{why}.")
    assert "\n" not in said and "Mend" not in said


def test_image_that_cannot_be_had_is_told():
    said = _trouble(pod("ErrImagePull", message="not found"))
    assert said == "The pod p does not start: ErrImagePull: not found."


def test_pod_that_waits_for_its_first_deployment_is_in_no_trouble():
    assert _trouble(pod("ContainerCreating")) == ""


def test_servers_see_the_models_where_the_pusher_writes_them():
    assert model_root(load_platform("kind-cpu")) == "/lodestar/serving"
