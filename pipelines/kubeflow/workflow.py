"""Read what only the Kubernetes API knows of a run: the Workflow's nodes and the pods' logs.

A run is found by the label that Kubeflow Pipelines puts on its Workflow and on all of its pods.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import kubernetes

from components.errors import LodestarError
from pipelines.kubeflow.connection import Cluster
from pipelines.kubeflow.nodes import Node, from_workflow
from pipelines.kubeflow.steps import Step

_RUN_LABEL = "pipeline/runid"
_NODE_ANNOTATION = "workflows.argoproj.io/node-name"
_MAIN = "main"
_ARGO = ("argoproj.io", "v1alpha1")


@dataclass(frozen=True)
class StepPod:
    """A pod of a run.

    Attributes:
        name: The pod's name.
        step: Whose pod it is.
        started: Whether its main container has started, so that there is a log.
        message: What the container left when it ended: its result, or the last lines of a failure.
    """

    name: str
    step: Step
    started: bool
    message: str = ""


class WorkflowReader:
    """Reads the Workflow and the pods of runs in one namespace."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._core = kubernetes.client.CoreV1Api(cluster.api)
        self._custom = kubernetes.client.CustomObjectsApi(cluster.api)
        self.problem = ""

    def nodes(self, run_id: str) -> dict[str, Node]:
        """Return the nodes of the run's Workflow; empty when it cannot be read, with `problem` set.

        A status without messages is better than none: the account may not read Workflows, and a Workflow
        is deleted some time after its end.
        """
        try:
            found = self._cluster.call(
                self._custom.list_namespaced_custom_object,
                *_ARGO,
                self._namespace,
                "workflows",
                label_selector=f"{_RUN_LABEL}={run_id}",
            )
        except LodestarError as error:
            self.problem = str(error)
            return {}
        return from_workflow(found["items"][0]) if found["items"] else {}

    def pods(self, run_id: str, steps: Sequence[Step]) -> list[StepPod]:
        """Return the pods of a run that execute its steps, oldest first; drivers are left out."""
        found = self._cluster.call(
            self._core.list_namespaced_pod, self._namespace, label_selector=f"{_RUN_LABEL}={run_id}"
        )
        pods = sorted(found.items, key=lambda pod: pod.metadata.creation_timestamp)
        return [described for pod in pods if (described := _describe(pod, steps))]

    def messages(self, run_id: str, steps: Sequence[Step]) -> dict[str, str]:
        """Return step name -> the message that its last pod left; empty when pods cannot be read."""
        try:
            return {pod.step.name: pod.message for pod in self.pods(run_id, steps) if pod.message}
        except LodestarError as error:
            self.problem = str(error)
            return {}

    def log(self, pod: str, follow: bool) -> Iterator[str]:
        """Yield the lines of a pod's main container; with `follow` until it ends."""
        # No read time-out: a trainer may say nothing for long.
        response = self._cluster.call(
            self._core.read_namespaced_pod_log,
            pod,
            self._namespace,
            container=_MAIN,
            follow=follow,
            _preload_content=False,
            _request_timeout=(5, None),
        )
        try:
            yield from _lines(response.stream(decode_content=True))
        finally:
            response.release_conn()


def _describe(pod: Any, steps: Sequence[Step]) -> StepPod | None:
    node = (pod.metadata.annotations or {}).get(_NODE_ANNOTATION, "")
    step = step_of_node(node, steps)
    statuses = [s for s in pod.status.container_statuses or () if s.name == _MAIN]
    started = any(status.state.running or status.state.terminated for status in statuses)
    left = [s.state.terminated.message for s in statuses if s.state.terminated and s.state.terminated.message]
    return StepPod(pod.metadata.name, step, started, "\n".join(left).strip()) if step else None


def step_of_node(node: str, steps: Sequence[Step]) -> Step | None:
    """Return the step that an Argo node such as `run-x.root.trainer.executor(0)` belongs to."""
    segments = {re.sub(r"\(\d+\)$", "", segment) for segment in node.split(".")[1:]}
    return next((step for step in steps if step.key in segments), None)


def _lines(chunks: Iterator[bytes]) -> Iterator[str]:
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (line.decode(errors="replace") for line in lines)
    if rest:
        yield rest.decode(errors="replace")
