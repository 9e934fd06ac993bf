"""What the pods of a TFJob say about themselves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from components.distributed.exits import TERMINATED
from components.tfjob.template import CONTAINER

_TYPE, _INDEX = "training.kubeflow.org/replica-type", "training.kubeflow.org/replica-index"
# Reasons for which an image will not come by waiting a little.
NO_IMAGE = {"ErrImageNeverPull", "ImagePullBackOff", "ErrImagePull", "InvalidImageName"}


@dataclass(frozen=True)
class Replica:
    """One pod of a job.

    Attributes:
        name: The replica's name, e.g. `worker-1`.
        pod: The pod's name.
        uid: Differs when the operator has started it again.
        started: Whether its container runs or ran.
        code: Exit code once it has ended.
        reason: Why, in brackets, e.g. ` (OOMKilled)`.
    """

    name: str
    pod: str
    uid: str
    started: bool
    code: int | None
    reason: str = ""

    def gone(self) -> Replica:
        """Return the same pod after it was evicted or deleted."""
        return replace(self, code=TERMINATED, reason=" (pod deleted)")


def replica_of(pod: Any) -> Replica:
    """Return what a pod of the Kubernetes client says."""
    labels = pod.metadata.labels or {}
    name = f"{labels.get(_TYPE, 'replica')}-{labels.get(_INDEX, '?')}"
    status = _container_status(pod)
    state = status.state if status else None
    terminated = state.terminated if state else None
    code = terminated.exit_code if terminated else None
    words = [terminated.reason, pod.status.reason] if terminated else []
    told = ", ".join(word for word in words if word and word not in ("Error", "Completed"))
    started = bool(state and (state.running or state.terminated))
    reason = f" ({told})" if told else ""
    return Replica(name, pod.metadata.name, str(pod.metadata.uid), started, code, reason)


def waiting_for(pod: Any) -> str:
    """Return why a pod does not run yet, in words; empty when it does or is about to."""
    if pod.status.phase != "Pending":
        return ""
    for condition in pod.status.conditions or []:
        if condition.type == "PodScheduled" and condition.status == "False":
            return str(condition.message or condition.reason)
    status = _container_status(pod)
    waiting = status.state.waiting if status and status.state else None
    if waiting is None or waiting.reason in (None, "ContainerCreating", "PodInitializing"):
        return ""
    image = f"image {status.image} is missing: " if waiting.reason in NO_IMAGE else ""
    return f"{image}{waiting.reason}" + (f", {waiting.message}" if waiting.message else "")


def _container_status(pod: Any) -> Any:
    statuses = pod.status.container_statuses or []
    return next((status for status in statuses if status.name == CONTAINER), None)
