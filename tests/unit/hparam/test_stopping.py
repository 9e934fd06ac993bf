from __future__ import annotations

import random

import optuna
import pytest

from hparam.spec import StoppingSettings
from hparam.stopping import Curve, Curves, MedianStopping, SuccessiveHalving, rule_of


@pytest.fixture(autouse=True)
def _quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)


def median(**changes: int) -> MedianStopping:
    return MedianStopping(**{"startup": 1, "warmup": 0, "interval": 1, "min_values": 1, **changes})


def curve(*losses: float, first: int = 1) -> Curve:
    return list(enumerate(losses, start=first))


GOOD = (curve(5, 3, 1), curve(5, 4, 2), curve(9, 8, 7))


def test_trial_is_stopped_when_its_best_is_worse_than_the_median_at_the_step() -> None:
    known = Curves(GOOD)
    assert median().hopeless(curve(6), 1, known) == (
        "its best up to step 1 is worse than the median of 3 trials at that step"
    )
    assert not median().hopeless(curve(5), 1, known)
    assert not median().hopeless(curve(3, 9), 2, known)
    assert median().hopeless(curve(3, 9, 9), 3, known)


def test_only_values_at_exactly_the_step_are_compared() -> None:
    known = Curves([curve(1, 1, 1), [(2, 9.0)]])
    assert median().hopeless(curve(2), 1, known)
    assert not median().hopeless(curve(5, 4), 2, known)
    assert not median().hopeless(curve(5, 5, 5, 5), 4, known)


def test_what_comes_after_the_step_is_not_looked_at() -> None:
    assert median().hopeless(curve(6, 0), 1, Curves(GOOD))


@pytest.mark.parametrize("late", [{"startup": 4}, {"min_values": 4}])
def test_no_trial_is_stopped_before_enough_is_known(late) -> None:
    assert median().hopeless(curve(99), 1, Curves(GOOD))
    assert not median(**late).hopeless(curve(99), 1, Curves(GOOD))
    assert not median(startup=0).hopeless(curve(99), 1, Curves())


def test_trials_are_looked_at_after_the_warm_up_once_per_interval() -> None:
    steps = curve(*[0.0] * 12)
    assert list(median().due(steps)) == list(range(1, 13))
    assert list(median(warmup=4, interval=3).due(steps)) == [4, 7, 10]
    assert list(median(interval=4).due([(3, 0.0), (5, 0.0), (6, 0.0), (9, 0.0)])) == [3, 5, 9]


# Optuna's pruner is the definition of the rule; it looks at every value as it is reported.
@pytest.mark.parametrize("seed", range(5))
def test_median_stopping_decides_as_optuna_does(seed) -> None:
    rng = random.Random(seed)
    rule = median(
        startup=rng.randrange(4), warmup=rng.randrange(4), interval=1 + seed, min_values=rng.randrange(1, 4)
    )
    pruner = optuna.pruners.MedianPruner(
        rule.startup, rule.warmup, rule.interval, n_min_trials=rule.min_values
    )
    study = optuna.create_study(pruner=pruner)
    succeeded: list[Curve] = []
    looks = stops = 0
    for _ in range(40):
        trial, own = study.ask(), []
        for step in sorted(rng.sample(range(15), 10)):
            own.append((step, rng.random()))
            trial.report(own[-1][1], step)
            ours = step in rule.due(own) and bool(rule.hopeless(own, step, Curves(succeeded)))
            assert trial.should_prune() == ours
            looks, stops = looks + 1, stops + ours
        study.tell(trial, own[-1][1])
        succeeded.append(own)
    assert 0 < stops < looks


def test_rungs_are_at_powers_of_the_reduction() -> None:
    rule = SuccessiveHalving(grace=2, reduction=3)
    assert list(rule.due(curve(*[0.0] * 20))) == [2, 6, 18]
    assert list(rule.due([(5, 0.0), (7, 0.0), (40, 0.0), (50, 0.0)])) == [5, 7, 40]


def test_one_in_so_many_of_what_has_arrived_goes_on() -> None:
    rule = SuccessiveHalving(grace=1, reduction=4)
    arrived = Curves(succeeded=[curve(v) for v in (1, 2, 3)], others=[curve(v) for v in (4, 5, 6, 7)])
    assert not rule.hopeless(curve(2), 1, arrived)
    assert rule.hopeless(curve(2.5), 1, arrived) == "it is not among the best 2 of 8 trials at rung 1"


def test_nobody_waits_for_others_at_a_rung() -> None:
    rule = SuccessiveHalving(grace=1, reduction=4)
    assert not rule.hopeless(curve(9), 1, Curves())
    assert not rule.hopeless(curve(1), 1, Curves(others=[curve(2)]))
    assert rule.hopeless(curve(3), 1, Curves(others=[curve(2)]))


def test_values_at_the_rung_are_compared_not_those_before_or_after() -> None:
    rule = SuccessiveHalving(grace=1, reduction=2)
    others = Curves(others=[curve(9, 3, 0), curve(0), curve(9, 9, 0)])
    assert not rule.hopeless(curve(9, 2, 9), 2, others)
    assert rule.hopeless(curve(0, 4), 2, others)


# Optuna's random choice of a bracket is the only difference: one bracket has none.
@pytest.mark.parametrize("seed", range(5))
def test_successive_halving_decides_as_optuna_does(seed) -> None:
    rng = random.Random(seed)
    rule = SuccessiveHalving(grace=1 + seed % 2, reduction=2 + seed % 3)
    study = optuna.create_study(pruner=optuna.pruners.SuccessiveHalvingPruner(rule.grace, rule.reduction, 0))
    arrived: list[Curve] = []
    stops = 0
    for _ in range(60):
        trial, own = study.ask(), []
        level, stopped = rng.random(), False
        for step in range(1, 20):
            own.append((step, level + rng.random() / 4))
            trial.report(own[-1][1], step)
            stopped = step in rule.due(own) and bool(rule.hopeless(own, step, Curves((), arrived)))
            assert trial.should_prune() == stopped
            if stopped:
                break
        if stopped:
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        else:
            study.tell(trial, own[-1][1])
        arrived.append(own)
        stops += stopped
    assert 20 < stops < 60


def test_rules_are_named_by_the_settings() -> None:
    assert rule_of(StoppingSettings()) is None
    assert rule_of(StoppingSettings(rule="median", warmup=3)) == MedianStopping(5, 3, 1, 1)
    assert rule_of(StoppingSettings(rule="asha", grace=2)) == SuccessiveHalving(2, 4)
