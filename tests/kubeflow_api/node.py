"""The nodes of a run as Argo has them and as the API lists them: drivers, DAGs, executors."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from uuid import uuid4

# What the API writes for a time that has not come.
NEVER = "1970-01-01T00:00:00Z"


def now() -> str:
    """Return the time as the API writes it."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass
class Node:
    """One node.

    Attributes:
        id: Its name in Argo; for a pod also the pod's.
        name: What it is called within its parent.
        path: Where it is, e.g. `run-x.root.trainer.executor`.
        pod: Whether it is a pod, not a DAG.
        error: What a failure is told as.
        exit_code: The exit code of an executor that has ended.
        log: Where an executor's output goes.
        left: Where an executor leaves its last message.
    """

    id: str
    name: str
    path: str
    pod: bool
    state: str = "PENDING"
    error: str = ""
    exit_code: int | None = None
    log: Path | None = None
    left: Path | None = None
    children: list[str] = field(default_factory=list)
    created: str = field(default_factory=now)
    started: str = NEVER
    ended: str = NEVER
    task: str = field(default_factory=lambda: str(uuid4()))
    history: list[dict[str, str]] = field(default_factory=list)

    def become(self, state: str, error: str = "") -> None:
        """Change the state, and note when."""
        self.state, self.error = state, error
        if state == "RUNNING":
            self.started = now()
        elif state != "PENDING":
            self.ended = now()
        self.history.append({"update_time": now(), "state": state})

    def detail(self, run_id: str) -> dict[str, Any]:
        """Return the node as an entry of `task_details`."""
        found: dict[str, Any] = {
            "run_id": run_id,
            "task_id": self.task,
            "display_name": self.name,
            "create_time": self.created,
            "start_time": self.started,
            "end_time": self.ended,
            "state": self.state,
            "state_history": list(self.history),
            "pod_name": self.id,
            "child_tasks": [{"pod_name": child} for child in self.children],
        }
        if self.error:
            found["error"] = {"code": 13, "message": self.error}
        return found

    def manifest(self, run_id: str, namespace: str) -> dict[str, Any]:
        """Return the node's pod as the Kubernetes API does."""
        main = {"name": "main", "image": "i", "imageID": "", "ready": False, "restartCount": 0}
        return {
            "metadata": {
                "name": self.id,
                "namespace": namespace,
                "labels": {"pipeline/runid": run_id},
                "annotations": {"workflows.argoproj.io/node-name": self.path},
                "creationTimestamp": self.created,
            },
            "spec": {"containers": [{"name": "main", "image": "i"}]},
            "status": {"containerStatuses": [{**main, "state": self._container()}]},
        }

    def _container(self) -> dict[str, Any]:
        if self.state == "PENDING":
            return {"waiting": {"reason": "ContainerCreating"}}
        if self.state == "RUNNING":
            return {"running": {"startedAt": self.started}}
        message = self.left.read_text(encoding="utf-8") if self.left else ""
        return {"terminated": {"exitCode": self.exit_code or 0, "message": message, "finishedAt": self.ended}}
