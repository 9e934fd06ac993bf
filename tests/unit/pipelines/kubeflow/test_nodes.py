from __future__ import annotations

import base64
import gzip
import json
from datetime import datetime, timezone
from typing import Any

import kfp_server_api
import pytest

from pipelines.kubeflow.nodes import failed_with, from_tasks, from_workflow, state_of, waits_for
from pipelines.status import State

QUOTA = (
    'pods "x-system-container-impl-1" is forbidden: exceeded quota: lodestar, '
    "requested: requests.cpu=2, used: requests.cpu=3, limited: requests.cpu=4"
)


def workflow_node(**fields: Any) -> dict[str, Any]:
    return {"id": "n1", "name": "w.root.trainer", "displayName": "trainer", "type": "DAG", **fields}


@pytest.mark.parametrize("state", vars(kfp_server_api.V2beta1RuntimeState)["allowable_values"])
def test_every_state_of_the_api_has_a_meaning(state: str) -> None:
    meant = state_of(state)
    assert (meant is State.WAITING) == (state == "RUNTIME_STATE_UNSPECIFIED")


@pytest.mark.parametrize(
    ("phase", "state"),
    [("Error", State.FAILED), ("Omitted", State.SKIPPED), ("", State.WAITING), (None, State.WAITING)],
)
def test_phases_of_argo_have_a_meaning(phase: str | None, state: State) -> None:
    assert state_of(phase) is state


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (
            QUOTA,
            "waiting for quota: lodestar, requested: requests.cpu=2, used: requests.cpu=3,"
            " limited: requests.cpu=4",
        ),
        (
            "Unschedulable: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu.",
            "no node fits: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu.",
        ),
        (
            'ErrImageNeverPull: Container image "a:b" is not present',
            'image missing: ErrImageNeverPull: Container image "a:b" is not present',
        ),
        (
            "ImagePullBackOff: Back-off pulling image",
            "image missing: ImagePullBackOff: Back-off pulling image",
        ),
        ("PodInitializing", ""),
        ("ContainerCreating", ""),
        ("", ""),
        (
            'CreateContainerConfigError: secret "s" not found',
            'CreateContainerConfigError: secret "s" not found',
        ),
    ],
)
def test_pending_pod_says_what_it_waits_for(message: str, reason: str) -> None:
    assert waits_for(message) == reason


@pytest.mark.parametrize(
    ("message", "lines"),
    [
        (
            "Error (exit code 1): error: no column `user`.\n  Check the file.",
            "error: no column `user`.\n  Check the file.",
        ),
        ("Error (exit code 2)", "exit code 2"),
        ("main: Error (exit code 143)", "exit code 143"),
        ("child 'x-1' failed", "child 'x-1' failed"),
    ],
)
def test_failure_keeps_the_last_lines_of_the_step(message: str, lines: str) -> None:
    assert failed_with(message) == lines


def test_lack_of_memory_says_which_setting_gives_more() -> None:
    assert "memory_limit" in failed_with("OOMKilled (exit code 137)")


def test_compressed_nodes_are_read_like_plain_ones() -> None:
    nodes = {"n1": workflow_node(phase="Running", startedAt="2026-03-01T12:00:00Z", children=["n2"])}
    packed = base64.b64encode(gzip.compress(json.dumps(nodes).encode())).decode()
    plain = from_workflow({"status": {"nodes": nodes}})
    assert from_workflow({"status": {"compressedNodes": packed}}) == plain
    assert plain["n1"].started == datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
    assert plain["n1"].children == ("n2",)


@pytest.mark.parametrize("workflow", [{}, {"status": {}}, {"status": None}])
def test_workflow_that_has_not_started_has_no_nodes(workflow: dict[str, Any]) -> None:
    assert from_workflow(workflow) == {}


def test_time_zero_means_not_yet() -> None:
    epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)
    task = kfp_server_api.V2beta1PipelineTaskDetail(
        task_id="t", display_name="trainer", state="RUNNING", end_time=epoch
    )
    assert from_tasks([task])["t"].finished is None
    assert from_workflow({"status": {"nodes": {"n": workflow_node(finishedAt=None)}}})["n"].finished is None


def test_tasks_are_found_by_id_and_by_pod() -> None:
    child = kfp_server_api.PipelineTaskDetailChildTask(pod_name="pod-2")
    task = kfp_server_api.V2beta1PipelineTaskDetail(
        task_id="t", pod_name="pod-1", display_name="trainer", state="FAILED", child_tasks=[child]
    )
    nodes = from_tasks([task])
    assert nodes["t"] == nodes["pod-1"]
    assert nodes["t"].children == ("pod-2",)
