"""Sweeps on this machine: four trials at a time beside one, and what a trial takes besides its training.

    python -m tests.benchmarks.bench_sweeps_local

Twice the same random points of matrix factorization on its sample, one after the other and four at a time:
training keeps a core busy, so cores bound the gain. Then trials that only wait, which shows what the
controller itself allows. The overhead of a trial is its time in the journal, from started to ended, without
what its log says that imports and training took: the start of the process, reading, and until its end is
seen.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from hparam.executors.processes import ProcessExecutor
from hparam.folder import SweepFolder
from hparam.journal import Journal, read_journal
from hparam.lock import FileLock
from hparam.run import run_sweep
from hparam.spec import Budget, Inputs, OptimizerSettings, SweepSpec
from hparam.trials import Sweep, Trial
from pipelines.terminal import print_table

FAMILY = "matrix-factorization"
TRIALS, PARALLEL = 8, 4
WAITING, WAIT_SECONDS = 16, 2.0
OVERHEAD = 1.5
# A trial that waits and says so: its request is the only argument.
WAIT = f"""
import json, pathlib, sys, time
time.sleep({WAIT_SECONDS})
folder = pathlib.Path(sys.argv[1]).parent
(folder / "result.json").write_text(json.dumps({{"step": 1, "value": 1.0, "metrics": {{"rmse": 1.0}}}}))
"""


def trained(home: Path, parallel: int) -> tuple[Sweep, SweepFolder]:
    """Return a sweep of real trials that has ended."""
    name = f"at-a-time-{parallel}"
    options = ("--trials", str(TRIALS), "--parallel", str(parallel), "--surrogate", "random", "--seed", "1")
    command = [sys.executable, "-m", "pipelines", "sweep", FAMILY, "--name", name, *options]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "LODESTAR_HOME": str(home)}
    )
    if done.returncode:
        raise SystemExit(f"the sweep ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    folder = SweepFolder(home / "sweeps" / name)
    return read_journal(folder.journal), folder


def waited(home: Path, spec: SweepSpec, parallel: int) -> Sweep:
    """Return a sweep of waiting trials that has ended."""
    name = f"waiting-{parallel}"
    budget = Budget(trials=WAITING, parallel=parallel)
    folder = SweepFolder(home / "sweeps" / name)
    changed = {"name": name, "budget": budget, "inputs": Inputs(examples="/none", transform_graph="/none")}
    Journal.create(folder, spec.model_copy(update=changed), time.time)
    executor = ProcessExecutor(folder.path, name, command=(sys.executable, "-c", WAIT), parallel=parallel)
    return run_sweep(folder, executor, FileLock(folder.lock), [], lambda sweep: None)


def wall(sweep: Sweep) -> float:
    """Return the seconds from the first start of a trial to the last end."""
    return max(t.ended or 0.0 for t in sweep.trials) - min(t.started or 0.0 for t in sweep.trials)


def stages(folder: SweepFolder, trial: Trial) -> dict[str, float]:
    """Return the seconds of a trial by stage, from its log."""
    text = (folder.trial(trial.number, trial.attempt) / "log.txt").read_text(encoding="utf-8")
    return {
        name: float(took) for name, took in re.findall(r"^(\w+) took ([\d.]+) s$", text, flags=re.MULTILINE)
    }


def overhead(folder: SweepFolder, trial: Trial) -> float:
    """Return a trial's seconds without imports and training."""
    took = stages(folder, trial)
    return (trial.ended or 0.0) - (trial.started or 0.0) - took["imports"] - took["training"]


def main() -> int:
    """Measure and print the tables; 1 when the overhead of a trial is above its target."""
    rows: list[list[str]] = []
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        real = {parallel: trained(home, parallel) for parallel in (1, PARALLEL)}
        spec = real[1][0].spec.model_copy(update={"optimizer": OptimizerSettings(surrogate="random")})
        idle = {parallel: waited(home, spec, parallel) for parallel in (1, PARALLEL)}
        points = [[json.dumps(dict(t.params)) for t in sweep.trials] for sweep, _ in real.values()]
        assert points[0] == points[1], "the two sweeps did not try the same points"
        for what, walls in (
            (f"{TRIALS} trainings", {p: wall(sweep) for p, (sweep, _) in real.items()}),
            (f"{WAITING} waits of {WAIT_SECONDS:g} s", {p: wall(sweep) for p, sweep in idle.items()}),
        ):
            one, four = walls[1], walls[PARALLEL]
            rows.append([what, f"{one:.1f}", f"{four:.1f}", f"{one / four:.2f}"])
        print(f"\n{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        print_table(["sweep", "one at a time, s", f"{PARALLEL} at a time, s", "gain"], rows)
        print("\nA training, median of those one at a time, s")
        sweep, folder = real[1]
        each = [stages(folder, trial) for trial in sweep.trials]
        names = ("imports", "reading", "training")
        extra = statistics.median(overhead(folder, trial) for trial in sweep.trials)
        medians = [f"{statistics.median(took[name] for took in each):.2f}" for name in names]
        print_table(
            [*names, "besides imports and training", "to reach"],
            [[*medians, f"{extra:.2f}", f"<= {OVERHEAD}"]],
        )
        waits = statistics.median(
            (t.ended or 0.0) - (t.started or 0.0) - WAIT_SECONDS for t in idle[1].trials
        )
        print(f"a wait takes {waits:.2f} s more than it waits, interpreter and controller included")
    return int(extra > OVERHEAD)


if __name__ == "__main__":
    sys.exit(main())
