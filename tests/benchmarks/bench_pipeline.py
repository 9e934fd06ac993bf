"""What a user waits for: `lodestar --help`, `make demo`, and a second run with nothing changed.

    python -m tests.benchmarks.bench_pipeline

Times are wall times on this machine; the peer of `--help` is kfp's command line from the same environment.
The demo runs in a home of its own, so its first runs find nothing to re-use.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from pipelines.demo import FAMILIES
from pipelines.terminal import print_table

REPEATS = 5


def seconds(command: Sequence[str], home: Path) -> float:
    """Return the wall time of one command, whose output is shown only when it fails."""
    started = time.monotonic()
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "LODESTAR_HOME": str(home)}
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return time.monotonic() - started


def median_seconds(command: Sequence[str], home: Path) -> float:
    """Return the median of several calls, after one that fills the file cache."""
    seconds(command, home)
    return statistics.median(seconds(command, home) for _ in range(REPEATS))


def second_run(family: str, home: Path) -> tuple[float, int, int]:
    """Return wall seconds, re-used nodes and all nodes of a run with nothing changed."""
    started = time.monotonic()
    command = [sys.executable, "-m", "pipelines", "run", family, "-o", "json"]
    env = {**os.environ, "LODESTAR_HOME": str(home)}
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=True)
    nodes = json.loads(done.stdout)["nodes"]
    return time.monotonic() - started, sum(node["state"] == "reused" for node in nodes), len(nodes)


def main() -> None:
    """Measure and print the table."""
    scripts = Path(sys.executable).parent
    rows: list[tuple[str, str, str]] = []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        rows.append(
            (
                "lodestar --help, s",
                f"{median_seconds([str(scripts / 'lodestar'), '--help'], home):.2f}",
                "< 0.3",
            )
        )
        rows.append(
            ("kfp --help, s (peer)", f"{median_seconds([str(scripts / 'kfp'), '--help'], home):.2f}", "")
        )
        rows.append(
            (
                "make demo after set-up, s",
                f"{seconds([sys.executable, '-m', 'pipelines.demo'], home):.0f}",
                "<= 300",
            )
        )
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e9
        rows.append(("its largest process, GB", f"{peak:.2f}", "<= 3"))
        for family in FAMILIES:
            took, reused, nodes = second_run(family, home)
            rows.append((f"second run {family}, s", f"{took:.1f}", "<= 25"))
            rows.append((f"  nodes re-used {family}", f"{reused} of {nodes}", f"{nodes} of {nodes}"))
    print_table(("what", "measured", "to reach"), rows, right=("measured", "to reach"))


if __name__ == "__main__":
    main()
