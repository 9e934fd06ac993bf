"""What the nodes of Kubeflow Pipelines and Argo say about the steps of a run.

A step `trainer` of a spec becomes several Argo nodes: `trainer-driver`, `trainer` and, inside that, pods such
as `executor`. The run's `task_details` list the same nodes without messages; the Workflow object has what a
pod waits for and the last lines of one that failed.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipelines.status import State

Nodes = Mapping[str, "Node"]

_PHASES = {
    "pending": State.PENDING,
    "running": State.RUNNING,
    "succeeded": State.DONE,
    "skipped": State.SKIPPED,
    "omitted": State.SKIPPED,
    "cached": State.REUSED,
    "failed": State.FAILED,
    "error": State.FAILED,
    "canceling": State.CANCELING,
    "canceled": State.CANCELED,
    "paused": State.PAUSED,
}
_IMAGE_REASONS = ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName")
_STARTING_REASONS = ("ContainerCreating", "PodInitializing")
_EXIT_CODE = re.compile(r"^(?:\w+: )?(?:Error|OOMKilled) \(exit code (\d+)\)(?:: )?", re.DOTALL)


@dataclass(frozen=True)
class Node:
    """One node of a run as Argo has it.

    Attributes:
        name: The name within its parent, e.g. `trainer` or `trainer-driver`.
        state: How far it is.
        started: When it started (aware).
        finished: When it ended (aware).
        message: What Argo says about it.
        children: Ids of the nodes inside or after it.
    """

    name: str
    state: State
    started: datetime | None = None
    finished: datetime | None = None
    message: str = ""
    children: tuple[str, ...] = ()


def state_of(phase: str | None) -> State:
    """Return the state that a phase of Argo or of Kubeflow Pipelines means; unknown ones wait."""
    return _PHASES.get((phase or "").lower(), State.WAITING)


def from_tasks(details: Any) -> dict[str, Node]:
    """Return the nodes that `task_details` of a run list, by task id and by pod name."""
    return {
        key: Node(
            task.display_name or "",
            state_of(task.state),
            _moment(task.start_time),
            _moment(task.end_time),
            (task.error.message or "") if task.error else "",
            tuple(child.pod_name or child.task_id or "" for child in task.child_tasks or ()),
        )
        for task in details or ()
        for key in {task.task_id, task.pod_name}
        if key
    }


def from_workflow(workflow: Mapping[str, Any]) -> dict[str, Node]:
    """Return the nodes of an Argo Workflow object, by id; a large one is stored compressed."""
    status = workflow.get("status") or {}
    nodes = status.get("nodes") or _unpacked(status.get("compressedNodes")) or {}
    return {
        key: Node(
            node.get("displayName", ""),
            state_of(node.get("phase")),
            _moment(node.get("startedAt")),
            _moment(node.get("finishedAt")),
            node.get("message", ""),
            tuple(node.get("children", ())),
        )
        for key, node in nodes.items()
    }


def inside(nodes: Nodes, node: Node) -> Iterator[Node]:
    """Yield `node` and what runs inside it: its own pods, not the steps that come after it."""
    yield node
    for child in (nodes[key] for key in node.children if key in nodes):
        if re.fullmatch(rf"executor|retry-executor|{re.escape(node.name)}|.*\(\d+\)", child.name):
            yield from inside(nodes, child)


def waits_for(message: str) -> str:
    """Return in a few words what a pending pod waits for; empty when it is just starting."""
    text = " ".join(message.split())
    if "exceeded quota" in text:
        return f"waiting for quota: {text.split('exceeded quota:')[-1].strip()}"
    if text.startswith(_IMAGE_REASONS):
        return f"image missing: {text}"
    if text.startswith("Unschedulable"):
        return f"no node fits: {text.partition(':')[2].strip() or text}"
    return "" if text.startswith(_STARTING_REASONS) else text


def failed_with(message: str) -> str:
    """Return the last lines of what failed, without what Argo puts before them."""
    text = message.strip()
    match = _EXIT_CODE.match(text)
    if not match:
        return text
    rest = text[match.end() :].strip()
    if "OOMKilled" in match.group():
        rest = f"{rest}\nOut of memory: give the step a larger `memory_limit` in the overlay's platform.yaml."
    return rest.strip() or f"exit code {match.group(1)}"


def _unpacked(packed: str | None) -> Any:
    return json.loads(gzip.decompress(base64.b64decode(packed))) if packed else None


def _moment(value: datetime | str | None) -> datetime | None:
    moment = datetime.fromisoformat(value.replace("Z", "+00:00")) if isinstance(value, str) else value
    # The Go zero and the Unix epoch both mean "not yet".
    return moment if moment and moment.year > 1970 else None
