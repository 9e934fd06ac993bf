"""Sixteen processes publish a version of one model in the same moment, again and again.

    python -m tests.benchmarks.bench_push [PROCESSES [ROUNDS]]

A seventeenth looks all the time and verifies every version the moment it is visible. The peer numbers its
versions as TFX's Pusher does, by the second; of those that collide one is kept.
"""

from __future__ import annotations

import multiprocessing
import shutil
import sys
import tempfile
import time
from pathlib import Path
from time import perf_counter
from typing import Any

from components import artifact
from components.errors import LodestarError

FILES = {"saved_model.pb": 200_000, "variables/variables.index": 500, "variables/variables.data": 400_000}


def write_source(folder: Path) -> Path:
    """Write what looks like a SavedModel; nobody loads it."""
    for name, size in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode() * (size // len(name)))
    return folder


def push(source: Path, root: Path, together: Any, results: Any, rounds: int, by_second: bool) -> None:
    for _ in range(rounds):
        if by_second:
            time.sleep(1 - time.time() % 1)
        together.wait()
        started = perf_counter()
        number = push_by_second(source, root) if by_second else int(artifact.publish(source, root, {}).name)
        results.put((number, perf_counter() - started))


def push_by_second(source: Path, root: Path) -> int:
    """Publish as TFX 1.16's Pusher does: the second is the number, and one that exists is skipped."""
    target = root / str(int(time.time()))
    if target.exists():
        return 0
    try:
        shutil.copytree(source, target)
    except FileExistsError:
        return 0
    return int(target.name)


def watch(root: Path, stopped: Any, found: Any) -> None:
    """Verify every version as soon as it is seen; tell how many were seen, and what was partial."""
    seen: set[int] = set()
    partial: list[str] = []
    last = False
    while not last:
        last = stopped.is_set()
        for number in set(artifact.versions(root)) - seen:
            seen.add(number)
            try:
                artifact.verify(root / str(number))
            except LodestarError as error:
                partial.append(str(error))
    found.put((len(seen), partial))


def measure(folder: Path, processes: int, rounds: int, by_second: bool) -> dict[str, Any]:
    """Return what came of all pushes of one way."""
    context = multiprocessing.get_context("fork")
    source, root = write_source(folder / "source"), folder / ("peer" if by_second else "ours")
    root.mkdir()
    together, results = context.Barrier(processes), context.Queue()
    stopped, found = context.Event(), context.Queue()
    watcher = context.Process(target=watch, args=(root, stopped, found))
    watcher.start()
    pushers = [
        context.Process(target=push, args=(source, root, together, results, rounds, by_second))
        for _ in range(processes)
    ]
    for pusher in pushers:
        pusher.start()
    answers = [results.get() for _ in range(processes * rounds)]
    for pusher in pushers:
        pusher.join()
    stopped.set()
    seen, partial = found.get()
    watcher.join()
    return {
        "numbers": {number for number, _ in answers if number},
        "visible": artifact.versions(root),
        "hidden": [path.name for path in root.iterdir() if path.name.startswith(".staging")],
        "history": len(artifact.history(root)),
        "partial": len(partial),
        "seen": seen,
        "slowest": max(seconds for _, seconds in answers),
    }


def main(processes: int = 16, rounds: int = 50) -> int:
    """Print the table; 1 when a target is missed."""
    expected = processes * rounds
    with tempfile.TemporaryDirectory() as folder:
        ours = measure(Path(folder), processes, rounds, by_second=False)
        (Path(folder) / "peer-run").mkdir()
        peer = measure(Path(folder) / "peer-run", processes, min(rounds, 5), by_second=True)
    print(f"{processes} processes, {rounds} rounds")
    print(f"{'':<34}{'measured':>9}  to reach")
    lost = expected - len(ours["numbers"])
    print(f"{'distinct versions':<34}{len(ours['numbers']):>9}  {expected}")
    print(f"{'collisions':<34}{lost:>9}  0")
    print(f"{'visible in the end':<34}{len(ours['visible']):>9}  {expected}")
    print(f"{'highest number':<34}{max(ours['visible']):>9}  {expected}")
    print(f"{'versions in the history':<34}{ours['history']:>9}  {expected}")
    print(f"{'seen by the watcher':<34}{ours['seen']:>9}")
    print(f"{'of them partial':<34}{ours['partial']:>9}  0")
    print(f"{'left aside':<34}{len(ours['hidden']):>9}  0")
    print(f"{'slowest push, s':<34}{ours['slowest']:>9.2f}")
    pushed = processes * min(rounds, 5)
    kept = f"{len(peer['numbers'])} of {pushed}"
    print(f"{'by the second (peer): kept':<34}{kept:>9}")
    print(f"{'by the second (peer): partial':<34}{peer['partial']:>9}")
    good = {len(ours["numbers"]), len(ours["visible"]), max(ours["visible"]), ours["history"]} == {expected}
    return int(not good or ours["partial"] > 0 or bool(ours["hidden"]))


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
