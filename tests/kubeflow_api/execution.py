"""Run a compiled spec: every step a process with the compiled command, in dependency order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import BoundedSemaphore, Event, RLock, Thread
from typing import Any

from pipelines.kubeflow.failure import TERMINATION_VARIABLE
from tests.kubeflow_api.node import Node
from tests.kubeflow_spec import CompiledSpec, Run, Step

REPOSITORY = Path(__file__).parents[2]
_TICK_S = 0.1
# Argo gives a pod 30 s to end.
_GRACE_S = 5.0
_FAILED = "failed to execute component: exit status {}"
_DEADLINE = "Step exceeded its deadline"


class Execution:
    """One run on its way; `tasks` is what the API shows of it.

    Args:
        spec: What to run.
        run_id: The run's id.
        parameters: Values of the spec's parameters.
        folder: Where logs, messages and reports go.
        capacity: Lets so many steps run at once as the cluster has room for.
        lag: Seconds by which the states of the last tasks are written after the run's.
        ended: Told the run's last state and its error.
    """

    def __init__(
        self,
        spec: CompiledSpec,
        run_id: str,
        parameters: Mapping[str, Any],
        folder: Path,
        capacity: BoundedSemaphore,
        lag: float,
        ended: Callable[[str, str], None],
    ) -> None:
        self.spec, self.run_id, self.parameters = spec, run_id, parameters
        self.folder, self.workflow = folder, f"{spec.name}-{run_id[:5]}"
        self.tasks: list[dict[str, Any]] = []
        self.nodes: dict[str, Node] = {}
        self._capacity, self._lag, self._ended = capacity, lag, ended
        self._stop, self._lock = Event(), RLock()
        self._driven: set[str] = set()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.thread = Thread(target=self._run, name=f"run {run_id}", daemon=True)

    def start(self) -> None:
        """Start the first steps."""
        self.thread.start()

    def terminate(self) -> None:
        """Stop every step."""
        self._stop.set()

    def executors(self) -> list[Node]:
        """Return the pods, in the order in which they were made."""
        with self._lock:
            return [node for node in self.nodes.values() if node.pod]

    def _run(self) -> None:
        self._node("", pod=False).become("RUNNING")
        self._node("root-driver").become("SUCCEEDED")
        self._node("root", pod=False).become("RUNNING")
        try:
            while not self._stop.is_set() and self._advance():
                self._publish()
                time.sleep(_TICK_S)
        except Exception as error:
            # A spec that this stand-in cannot run must not leave a run that never ends.
            self._ended("FAILED", f"{type(error).__name__}: {error}")
            raise
        self._publish()
        state, error = self._conclude()
        # The run's state is written first; for a while its tasks are as they were.
        self._ended(state, error)
        time.sleep(self._lag)
        self._publish()

    def _advance(self) -> bool:
        """Take every step as far as it can go; return whether there is more to come."""
        self._reap()
        failed = any(self._state(key) == "FAILED" for key in self.spec.steps)
        for key, step in self.spec.steps.items():
            if failed:
                break
            if key in self._driven and self._state(key) in ("", "PENDING"):
                self._start(key, step)
            elif key not in self._driven and self._done(step.after):
                self._driven.add(key)
                self._node(f"{key}-driver", after=step.after).become("RUNNING")
        return bool(self._processes) or (not failed and not self._done(set(self.spec.steps)))

    def _start(self, key: str, step: Step) -> None:
        if not self._state(key):
            self.nodes[f"{key}-driver"].become("SUCCEEDED")
            self._node(key, pod=False, after={f"{key}-driver"}).become("PENDING")
            self._node("executor", inside=key)
        if not self._capacity.acquire(blocking=False):
            return
        node = self.nodes[f"{key}.executor"]
        node.log, node.left = (self.folder / kind / node.id for kind in ("logs", "messages"))
        for path in (node.log, node.left):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        report = self.folder / "outputs" / self.run_id / f"{key}.json"
        run = Run(self.run_id, self.parameters, str(self.folder / "minio"), str(report))
        self._processes[key] = _launch(
            self.spec.command(step, run), step.env, node.log, node.left, self.folder
        )
        self.nodes[key].become("RUNNING")
        node.become("RUNNING")

    def _reap(self) -> None:
        for key, process in list(self._processes.items()):
            code = process.poll()
            if code is not None:
                # The shell's way: a signal's number after 128.
                self._end(key, code if code >= 0 else 128 - code, "")

    def _end(self, key: str, code: int, why: str) -> None:
        del self._processes[key]
        self._capacity.release()
        node = self.nodes[f"{key}.executor"]
        node.exit_code = code
        error = why or (_FAILED.format(code) if code else "")
        node.become("FAILED" if error else "SUCCEEDED", error)
        self.nodes[key].become(node.state)

    def _conclude(self) -> tuple[str, str]:
        """Stop what still runs, and return the run's state and error."""
        for process in self._processes.values():
            os.killpg(process.pid, signal.SIGTERM)
        for key, process in list(self._processes.items()):
            try:
                process.wait(_GRACE_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            self._end(key, 143, _DEADLINE)
        error = next((node.error for node in self.nodes.values() if node.error), "")
        state = "CANCELED" if self._stop.is_set() else "FAILED" if error else "SUCCEEDED"
        if state == "FAILED":
            self._omit()
        for name in ("root", ""):
            self.nodes[name].become("FAILED" if state == "CANCELED" else state)
        return state, "" if state == "CANCELED" else error

    def _omit(self) -> None:
        for key, step in self.spec.steps.items():
            if key not in self._driven:
                self._node(f"{key}-driver", after=step.after).become("SKIPPED")
                self._node(key, pod=False, after={f"{key}-driver"})
            if self._state(key) == "PENDING":
                self.nodes[key].become("SKIPPED")

    def _node(self, name: str, pod: bool = True, after: set[str] | None = None, inside: str = "") -> Node:
        key = f"{inside}.{name}" if inside else name
        path = ".".join(part for part in (self.workflow, "root" if name else "", inside, name) if part)
        node = Node(f"{self.workflow}-{len(self.nodes)}", name or self.workflow, path, pod)
        with self._lock:
            # Argo hangs what comes after a step below that step's last pod.
            for parent in (inside,) if inside else after or ():
                held = self.nodes.get(f"{parent}.executor") or self.nodes[parent]
                held.children.append(node.id)
            self.nodes[key] = node
        return node

    def _state(self, key: str) -> str:
        return self.nodes[key].state if key in self.nodes else ""

    def _done(self, keys: set[str]) -> bool:
        return all(self._state(key) == "SUCCEEDED" for key in keys)

    def _publish(self) -> None:
        with self._lock:
            self.tasks = [node.detail(self.run_id) for node in self.nodes.values()]


def _launch(
    command: list[str], env: Mapping[str, str], log: Path, left: Path, folder: Path
) -> subprocess.Popen[bytes]:
    """Start a step with its own environment and nothing else of ours."""
    assert command[0] == "python", command
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("LODESTAR", "KUBE"))}
    given = {"PYTHONPATH": str(REPOSITORY), **env, TERMINATION_VARIABLE: str(left)}
    with log.open("wb") as stream:
        return subprocess.Popen(
            [sys.executable, *command[1:]],
            cwd=folder,
            env={**mine, **given},
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
