"""Functions whose minimum is known: our proposals, random points and Optuna's TPE, four trials at a time.

    python -m tests.benchmarks.bench_sweeps [--seeds 5]

Trials take random times, so they end in another order than they began. Every free slot gets a point at once.
Regret is by how much the best of all evaluations misses the minimum, over the seeds. Then what one proposal
takes, in seconds of one core. Ends with 1 when a median misses its target.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import optuna

from hparam.dimension import Number
from hparam.optimizer import propose
from hparam.spec import OptimizerSettings
from pipelines.terminal import print_table
from tests.landscapes import BRANIN, HARTMANN6, Landscape, drawn, regrets, simulate, told

PARALLEL = 4
# function: evaluations, and the median regret to reach
TARGETS = {"Branin": (BRANIN, 32, 0.01), "Hartmann6": (HARTMANN6, 60, 0.20)}
OURS, RANDOM = "Gaussian process, believer", "random points"
ROWS: dict[str, OptimizerSettings] = {
    OURS: OptimizerSettings(),
    "Gaussian process, cl_min": OptimizerSettings(running="cl_min"),
    "extra trees": OptimizerSettings(surrogate="et"),
    "boosted trees": OptimizerSettings(surrogate="gbrt"),
    RANDOM: OptimizerSettings(surrogate="random"),
}
COSTS = (("gp", 50), ("gp", 100), ("gp", 190), ("et", 100), ("et", 1000), ("gbrt", 100))


def tpe(landscape: Landscape, evaluations: int, seed: int) -> list[float]:
    """Return Optuna's regrets after every evaluation, with the defaults of its TPE."""
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    trials: list[optuna.trial.Trial] = []
    curve: list[float] = []

    def ask(trial: int, running: list[int]) -> None:
        trials.append(study.ask())
        for parameter in landscape.space.parameters:
            assert isinstance(parameter.dimension, Number)
            trials[-1].suggest_float(parameter.name, parameter.dimension.low, parameter.dimension.high)

    def end(trial: int) -> None:
        study.tell(trials[trial], landscape.loss(trials[trial].params))
        curve.append(study.best_value - landscape.minimum)

    simulate(PARALLEL, evaluations, seed, ask, end)
    return curve


def compare(landscape: Landscape, evaluations: int, seeds: int) -> dict[str, list[list[float]]]:
    """Return the regret curves of every way of proposing, one for each seed."""
    ways: dict[str, Callable[[int], list[float]]] = {
        name: lambda seed, settings=settings: regrets(landscape, settings, evaluations, seed, PARALLEL)
        for name, settings in ROWS.items()
    }
    ways["Optuna TPE"] = lambda seed: tpe(landscape, evaluations, seed)
    return {name: [run(seed) for seed in range(seeds)] for name, run in ways.items()}


def cost(surrogate: str, observations: int) -> float:
    """Return the seconds that a proposal takes in six dimensions."""
    settings = OptimizerSettings.model_validate({"surrogate": surrogate})
    finished, running = told(HARTMANN6, observations), drawn(HARTMANN6.space, PARALLEL, seed=1)
    times = []
    for k in range(3):
        started = time.process_time()
        propose(HARTMANN6.space, settings, 0, observations + k, finished, running)
        times.append(time.process_time() - started)
    return median(times)


def main() -> int:
    """Print the tables; 1 when a target is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5)
    seeds = parser.parse_args().seeds
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    missed = 0
    for name, (landscape, evaluations, target) in TARGETS.items():
        steps = [evaluations // 2, evaluations * 3 // 4, evaluations]
        found = compare(landscape, evaluations, seeds)
        print(f"\n{name}, {evaluations} evaluations, {PARALLEL} at a time, {seeds} seeds; target {target}")
        rows = [
            [
                way,
                *(f"{np.median([c[n - 1] for c in curves]):.4f}" for n in steps),
                f"{max(c[-1] for c in curves):.4f}",
            ]
            for way, curves in found.items()
        ]
        print_table(["way", *(f"after {n}" for n in steps), "worst"], rows)
        ours, by_chance = (median(curve[-1] for curve in found[way]) for way in (OURS, RANDOM))
        print(f"{by_chance / ours:.0f} times nearer than random points")
        missed += ours > target
    print("\nA proposal, six parameters, four trials running")
    print_table(["surrogate", "observations", "s"], [[s, str(n), f"{cost(s, n):.2f}"] for s, n in COSTS])
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
