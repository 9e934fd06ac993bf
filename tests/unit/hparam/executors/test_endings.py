"""What the pods of a run say, in the words of the kubelet, the scheduler and the eviction API."""

from __future__ import annotations

from typing import Any

import pytest

from hparam.executors import Phase
from hparam.executors.endings import failed_pod, of_pods, waiting_for


def pod(phase: str, state: dict[str, Any] | None = None, name: str = "pod", **status: Any) -> dict[str, Any]:
    containers = [{"name": "trial", "image": "image:1", "state": state}] if state else []
    limits = {"limits": {"memory": "1Gi"}}
    return {
        "metadata": {"name": name},
        "spec": {"containers": [{"name": "trial", "resources": limits}]},
        "status": {"phase": phase, "containerStatuses": containers, **status},
    }


def ended(code: int, reason: str = "Error", name: str = "pod", **status: Any) -> dict[str, Any]:
    phase = "Failed" if code else "Succeeded"
    return pod(phase, {"terminated": {"exitCode": code, "reason": reason}}, name, **status)


def deleted(found: dict[str, Any]) -> dict[str, Any]:
    found["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return found


def disrupted(reason: str) -> dict[str, Any]:
    condition = {"type": "DisruptionTarget", "status": "True", "reason": reason, "message": "why"}
    return deleted(ended(143, conditions=[condition]))


@pytest.mark.parametrize(
    ("found", "phase", "reason"),
    [
        (ended(1), Phase.FAILED, "exit 1"),
        (ended(127), Phase.FAILED, "exit 127"),
        (ended(137), Phase.FAULT, "killed"),
        (ended(143), Phase.FAULT, "killed"),
        (ended(137, "OOMKilled"), Phase.FAULT, "oom"),
        (deleted(ended(137)), Phase.FAULT, "gone"),
        (disrupted("EvictionByEvictionAPI"), Phase.FAULT, "evicted"),
        (disrupted("PreemptionByScheduler"), Phase.FAULT, "preempted"),
        (pod("Failed", reason="Evicted", message="The node was low on memory."), Phase.FAULT, "evicted"),
        (pod("Failed", reason="UnexpectedAdmissionError"), Phase.FAULT, "gone"),
        (pod("Failed", reason="DeadlineExceeded"), Phase.FAILED, "deadline"),
        (pod("Failed"), Phase.FAULT, "gone"),
        (ended(0, "Completed"), Phase.SUCCEEDED, ""),
        (pod("Running", {"running": {}}), Phase.RUNNING, ""),
        (pod("Pending"), Phase.WAITING, ""),
    ],
)  # fmt: skip
def test_whose_fault_the_end_of_a_pod_is(found: dict[str, Any], phase: Phase, reason: str) -> None:
    seen = of_pods([found])
    assert seen is not None
    assert (seen.phase, seen.reason) == (phase, reason)
    assert bool(seen.message) == (phase not in (Phase.SUCCEEDED, Phase.RUNNING))


def test_of_several_pods_the_one_that_gave_up_says_why_the_run_failed() -> None:
    pods = [ended(137, name="worker-0"), ended(2, name="chief-0"), ended(0, name="ps-0")]
    seen = of_pods(pods)
    assert seen is not None and (seen.phase, seen.reason) == (Phase.FAILED, "exit 2")
    assert failed_pod(pods) == "chief-0"


def test_a_run_has_succeeded_only_when_all_its_pods_have() -> None:
    seen = of_pods([ended(0), pod("Running", {"running": {}})])
    assert seen is not None and seen.phase is Phase.RUNNING


def test_a_run_without_pods_says_nothing() -> None:
    assert of_pods([]) is None


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (pod("Pending", {"waiting": {"reason": "ImagePullBackOff"}}), "image image:1 cannot be pulled"),
        (pod("Pending", {"waiting": {"reason": "ContainerCreating"}}), ""),
        (pod("Pending", {"waiting": {"reason": "CreateContainerConfigError", "message": "no key"}}),
         "CreateContainerConfigError: no key"),
        (pod("Pending", conditions=[{"type": "PodScheduled", "status": "False", "message": "0/3 nodes"}]),
         "0/3 nodes"),
        (pod("Running", {"running": {}}), ""),
    ],
)  # fmt: skip
def test_what_a_pod_waits_for(found: dict[str, Any], words: str) -> None:
    assert waiting_for(found).startswith(words) and bool(words) == bool(waiting_for(found))
