"""What clients notice when the served version changes a hundred times, and every tenth one is corrupt.

    python -m tests.benchmarks.bench_serving_swaps [SWAPS [REQUESTS]]

Four REST and four gRPC clients ask all the time. The control are the same clients on the same server before
the first swap. No answer may fail, and none may come from an older version than the client has seen.
"""

from __future__ import annotations

import sys
import tempfile
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np

from tests.serving_load import (  # isort: skip - it keeps TensorFlow quiet
    Answer,
    ClientProcesses,
    errors,
    grpc_call,
    latencies,
    rest_call,
    steps_back,
)
from tests.contract.server_process import ServerProcess
from tests.serving_versions import corrupt, publish, rss, write_versions

MODEL = "half_plus_two"
FIRST = 3
CORRUPT_EVERY = 10
EACH = 4


def swap(
    server: ServerProcess, clients: ClientProcesses, ready: Path, root: Path, swaps: int, requests: int
) -> None:
    """Publish the versions one after the other, spread over `requests` requests."""
    begun = clients.count
    for index in range(swaps):
        clients.wait_for(begun + index * requests // swaps)
        number = FIRST + 1 + index
        broken = not (index + 1) % CORRUPT_EVERY
        source = ready / str(number)
        if broken:
            corrupt(source, (index + 1) // CORRUPT_EVERY)
        publish(source, root)
        server.wait_for("failed" if broken else "loaded", MODEL, number, timeout=120)
    clients.wait_for(begun + requests)


def row(what: str, value: object, target: str = "") -> None:
    print(f"{what:<42}{value!s:>12}  {target}")


def main(swaps: int = 100, requests: int = 100_000) -> int:
    """Print the table; 1 when a target is missed."""
    with tempfile.TemporaryDirectory() as folder:
        root, ready = Path(folder) / "serving" / MODEL, Path(folder) / "ready"
        write_versions(ready, range(1, FIRST + 1 + swaps))
        for number in range(1, FIRST):
            publish(ready / str(number), root)
        with ServerProcess(root.parent) as server:
            makers = [partial(rest_call, server.rest)] * EACH + [partial(grpc_call, server.grpc)] * EACH
            clients = ClientProcesses(makers)
            publish(ready / str(FIRST), root)
            server.wait_for("loaded", MODEL, FIRST)
            clients.wait_for(2000)
            warm = perf_counter()
            clients.wait_for(clients.count + requests // 5)
            before, began = rss(server.process.pid), perf_counter()
            swap(server, clients, ready, root, swaps, requests)
            ended, after = perf_counter(), rss(server.process.pid)
            return report(clients.stop(), (warm, began, ended), after / before, server)


def report(
    answers: list[list[Answer]], times: tuple[float, ...], growth: float, server: ServerProcess
) -> int:
    warm, began, ended = times
    steady, swapping = latencies(answers, warm, began), latencies(answers, began, ended)
    failures = errors(answers)
    loaded = {event["version"] for event in server.events if event["kind"] == "loaded"}
    refused = {event["version"] for event in server.events if event["kind"] == "failed"}
    ratio = np.percentile(swapping, 99) / np.percentile(steady, 99)
    row("versions loaded / refused while swapping", f"{len(loaded - {1, 2, 3})} / {len(refused)}")
    row("requests while swapping", f"{len(swapping):,}", ">= 100,000")
    row("failed, of all", sum(failures.values()), "0")
    row("answers from an older version", steps_back(answers), "0")
    for name, values in (("steady (control)", steady), ("swapping", swapping)):
        p50, p99, most = np.percentile(values, [50, 99, 100])
        row(f"{name}: p50 / p99 / worst, ms", f"{p50:.1f} / {p99:.1f} / {most:.0f}")
        row(
            f"{name}: requests/s",
            f"{len(values) / ((began - warm) if values is steady else (ended - began)):.0f}",
        )
    row("p99 swapping / steady", f"{ratio:.2f}", "<= 3")
    row("memory after / at version 3", f"{growth:.2f}", "<= 1.2")
    for error, count in failures.most_common(5):
        row(error, count)
    return int(bool(failures) or steps_back(answers) > 0 or ratio > 3 or growth > 1.2)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
