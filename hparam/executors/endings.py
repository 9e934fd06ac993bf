"""What the pods of a run say: how far it is, and whose fault its end was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from components.distributed.exits import restarts
from components.tfjob.pods import NO_IMAGE
from hparam.executors import Observed, Phase
from hparam.executors.objects import Object


@dataclass(frozen=True)
class Ending:
    """How one container ended."""

    code: int
    reason: str


def of_pods(pods: Sequence[Object]) -> Observed | None:
    """Return what the pods of one run add up to; None when they do not say.

    A run has succeeded when all its pods have. Of several that failed, one that gave up by itself says why;
    the others may have ended because of it.
    """
    failed = [pod for pod in pods if _phase(pod) == "Failed"]
    faults = []
    for pod in failed:
        ended = _of_failed(pod)
        if ended.phase is Phase.FAILED:
            return ended
        faults.append(ended)
    if faults:
        return faults[0]
    if pods and all(_phase(pod) == "Succeeded" for pod in pods):
        return Observed(Phase.SUCCEEDED)
    return of_waiting(pods)


def of_waiting(pods: Sequence[Object]) -> Observed | None:
    """Return that a run waits or runs, from pods none of which has failed; None without any."""
    if not pods:
        return None
    reasons = [reason for pod in pods if (reason := waiting_for(pod))]
    if reasons:
        return Observed(Phase.WAITING, message=reasons[0])
    pending = any(_phase(pod) == "Pending" for pod in pods)
    return Observed(Phase.WAITING, message="starting") if pending else Observed(Phase.RUNNING)


def without_image(pods: Sequence[Object]) -> str:
    """Return which image is missing, in a line; empty when none is."""
    for pod in pods:
        for status in _statuses(pod):
            waiting = (status.get("state") or {}).get("waiting") or {}
            if waiting.get("reason") in NO_IMAGE:
                return f"image {status['image']} cannot be pulled: {waiting['reason']}"
    return ""


def waiting_for(pod: Object) -> str:
    """Return why a pod does not run yet, in a line; empty when it does or is about to."""
    if _phase(pod) != "Pending":
        return ""
    for condition in pod["status"].get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return str(condition.get("message") or condition.get("reason"))
    missing = without_image([pod])
    if missing:
        return missing
    for status in _statuses(pod):
        waiting = (status.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
            return f"{waiting['reason']}: {waiting.get('message', '')}".rstrip(": ")
    return ""


def failed_pod(pods: Sequence[Object]) -> str:
    """Return the name of the pod whose log says why the run failed; empty without any."""
    failed = [pod for pod in pods if _phase(pod) == "Failed"]
    own = [pod for pod in failed if _of_failed(pod).phase is Phase.FAILED]
    return next((str(pod["metadata"]["name"]) for pod in [*own, *failed]), "")


def _of_failed(pod: Object) -> Observed:
    name, status = pod["metadata"]["name"], pod["status"]
    disrupted = next((c for c in status.get("conditions") or [] if c["type"] == "DisruptionTarget"), None)
    if disrupted and disrupted["status"] == "True":
        why = str(disrupted.get("message") or disrupted.get("reason"))
        preempted = "Preempt" in str(disrupted.get("reason"))
        return Observed(Phase.FAULT, "preempted" if preempted else "evicted", f"pod {name}: {why}")
    ending = next(_endings(pod), None)
    if ending is None or status.get("reason"):
        # The kubelet ended or refused the pod as a whole: eviction, shutdown of the node, no room.
        why = str(status.get("reason") or "it never ran")
        message = f"pod {name}: {why}: {status.get('message', '')}".rstrip(": ")
        if why == "DeadlineExceeded":
            return Observed(Phase.FAILED, "deadline", message)
        return Observed(Phase.FAULT, "evicted" if why == "Evicted" else "gone", message)
    if ending.reason == "OOMKilled":
        limit = _memory(pod)
        return Observed(Phase.FAULT, "oom", f"pod {name} was killed for using more memory than {limit}")
    if pod["metadata"].get("deletionTimestamp"):
        return Observed(Phase.FAULT, "gone", f"pod {name} was deleted while it ran")
    # A signal, or a lost peer: not what the trial itself ends with.
    if restarts(ending.code):
        return Observed(Phase.FAULT, "killed", f"pod {name} was killed: exit code {ending.code}")
    return Observed(Phase.FAILED, f"exit {ending.code}", f"pod {name} ended with exit {ending.code}")


def _endings(pod: Object) -> Iterator[Ending]:
    for status in _statuses(pod):
        ended = (status.get("state") or {}).get("terminated")
        if ended and ended.get("exitCode"):
            yield Ending(int(ended["exitCode"]), str(ended.get("reason", "")))


def _memory(pod: Object) -> str:
    limits = pod["spec"]["containers"][0].get("resources", {}).get("limits", {})
    return str(limits.get("memory", "its node has"))


def _phase(pod: Object) -> str:
    return str((pod.get("status") or {}).get("phase", "Pending"))


def _statuses(pod: Object) -> list[Object]:
    return list((pod.get("status") or {}).get("containerStatuses") or [])
