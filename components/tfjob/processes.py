"""Replicas as processes of this machine, with the restart policy of a TFJob."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from components.distributed import heartbeat
from components.distributed.cluster import CHIEF, VARIABLE, Cluster, replica_counts, replica_names
from components.distributed.exits import restarts
from components.distributed.request import Request
from components.tfjob.follow import State

MODULE = "components.distributed.replica"
_CODE = Path(__file__).parents[2]
_GRACE_SECONDS = 5.0


@dataclass
class Running:
    """A replica's process and what is needed to start it again."""

    cluster: Cluster
    process: subprocess.Popen[bytes]


class LocalProcesses:
    """A launcher on this machine.

    A replica that ends with 128 or more, by a signal or in silence is started again in its place.

    Args:
        request: What to train.
        say: Prints a line.
    """

    period = 0.2

    def __init__(self, request: Request, say: Callable[[str], None]) -> None:
        counts = replica_counts(request.compute)
        self.names = replica_names(counts)
        self._request = request
        self._say = say
        self._hosts = _free_hosts(counts)
        self._running: dict[str, Running] = {}
        self._restarts = 0

    def start(self) -> None:
        """Start all replicas."""
        for role, hosts in self._hosts.items():
            for index in range(len(hosts)):
                cluster = Cluster(self._hosts, role, index)
                self._running[cluster.name] = Running(cluster, self._launch(cluster))
        pids = ", ".join(f"{name} (pid {replica.process.pid})" for name, replica in self._running.items())
        self._say(f"started {pids}")

    def poll(self) -> State:
        """Return how they stand, and start again those that are to be."""
        chief = self._running[f"{CHIEF}-0"].process.poll()
        if chief == 0:
            return State(done=True, restarts=self._restarts)
        for name, replica in self._running.items():
            self._kill_if_silent(name, replica.process)
            code = replica.process.poll()
            if code is None or code == 0:
                continue
            if not restarts(code):
                return State(failed=f"{name} ended with exit code {code}", restarts=self._restarts)
            self._restarts += 1
            replica.process = self._launch(replica.cluster)
            self._say(f"{name} ended with {_how(code)}; started again (pid {replica.process.pid})")
        return State(restarts=self._restarts)

    def stop(self) -> None:
        """End all replicas."""
        for replica in self._running.values():
            replica.process.terminate()
        for replica in self._running.values():
            try:
                replica.process.wait(_GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                replica.process.kill()
                replica.process.wait()

    def _launch(self, cluster: Cluster) -> subprocess.Popen[bytes]:
        # What a replica that ended had left must not count against its successor.
        (self._request.signs / cluster.name).unlink(missing_ok=True)
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-u", "-W", "ignore", "-m", MODULE, self._request.path],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=_environment(cluster, len(self.names)),
            start_new_session=True,  # Ctrl-C is for the step; it ends its replicas.
        )
        reader = threading.Thread(target=_relay, args=(process.stdout, cluster.name, self._say), daemon=True)
        reader.start()
        return process

    def _kill_if_silent(self, name: str, process: subprocess.Popen[bytes]) -> None:
        age = heartbeat.age(self._request.signs / name)
        limit = self._request.compute.step_timeout_seconds
        if age is not None and age > limit and process.poll() is None:
            self._say(f"{name} has given no sign of life for {age:.0f} s; killing it")
            process.kill()
            process.wait()


def _environment(cluster: Cluster, replicas: int) -> Mapping[str, str]:
    threads = str(max(1, (os.cpu_count() or 1) // replicas))
    path = os.pathsep.join([str(_CODE), *filter(None, [os.environ.get("PYTHONPATH")])])
    shared = {"TF_NUM_INTRAOP_THREADS": threads, "OMP_NUM_THREADS": threads}
    return {**shared, **os.environ, VARIABLE: cluster.tf_config(), "PYTHONPATH": path}


def _free_hosts(counts: Mapping[str, int]) -> dict[str, tuple[str, ...]]:
    with ExitStack() as held:  # All are held until the last is found, so that they differ.
        return {role: tuple(_free_host(held) for _ in range(count)) for role, count in counts.items()}


def _free_host(held: ExitStack) -> str:
    holder = held.enter_context(socket.socket())
    holder.bind(("127.0.0.1", 0))
    return f"127.0.0.1:{holder.getsockname()[1]}"


def _relay(stream: IO[bytes], name: str, say: Callable[[str], None]) -> None:
    for line in stream:
        say(f"[{name}] {line.decode('utf-8', 'replace').rstrip()}")


def _how(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
