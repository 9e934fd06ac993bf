"""What the steps of a run wrote, pod by pod in the order in which they started."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pipelines.kubeflow.connection import NotFound
from pipelines.kubeflow.workflow import StepPod

_POLL_SECONDS = 2.0


@dataclass(frozen=True)
class LogLine:
    """One line, with the pod and the step that wrote it."""

    step: str
    pod: str
    text: str


def read_logs(
    pods: Callable[[], Sequence[StepPod]],
    log: Callable[[str, bool], Iterator[str]],
    ended: Callable[[], bool],
    follow: bool,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[LogLine]:
    """Yield the lines of all pods that have started.

    Args:
        pods: Lists the pods of the steps that are asked for.
        log: Reads a pod's lines; its second argument says whether to wait for more.
        ended: Tells whether the run has ended, so that no pod is to come.
        follow: Wait for pods and lines that are to come, until the run has ended.
        sleep: Waits some seconds.
    """
    seen: set[str] = set()
    while True:
        # Asked before the pods: what starts between the two calls is read in the last round.
        last = not follow or ended()
        for pod in pods():
            if pod.started and pod.name not in seen:
                seen.add(pod.name)
                yield from _of_pod(pod, log, follow)
        if last:
            return
        sleep(_POLL_SECONDS)


def _of_pod(pod: StepPod, log: Callable[[str, bool], Iterator[str]], follow: bool) -> Iterator[LogLine]:
    try:
        for text in log(pod.name, follow):
            yield LogLine(pod.step.name, pod.name, text)
    except NotFound:
        # Deleted since it was listed: its run was terminated or cleaned up.
        return
