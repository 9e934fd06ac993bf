"""`--sweep-trials` and its companions, for every verb that runs a pipeline."""

from __future__ import annotations

import argparse

import pytest

from components.errors import InputError
from hparam.plan import SweepPlan
from pipelines.cli import parser
from pipelines.verbs.options import sweep_plan

VERBS = ("run", "compile", "submit", "schedule")


def parsed(*words: str) -> argparse.Namespace:
    return parser().parse_args([*words])


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_that_runs_a_pipeline_takes_a_sweep(verb: str) -> None:
    plan = sweep_plan(
        parsed(verb, "text-search", "--sweep-trials", "6", "--sweep-parallel", "2", "--stop", "median")
    )
    assert plan is not None
    assert (plan.budget.trials, plan.budget.parallel, plan.stopping.rule) == (6, 2, "median")


@pytest.mark.parametrize("verb", VERBS)
def test_no_sweep_unless_it_is_asked_for(verb: str) -> None:
    assert sweep_plan(parsed(verb, "text-search")) is None


def test_number_of_trials_is_enough() -> None:
    plan = sweep_plan(parsed("run", "text-search", "--sweep-trials", "6"))
    assert plan == SweepPlan.model_validate({"budget": {"trials": 6}})


def test_option_about_a_sweep_without_one_is_refused() -> None:
    with pytest.raises(InputError, match=r"`--metric mrr` is about a sweep.*\n.*--sweep-trials N"):
        sweep_plan(parsed("run", "text-search", "--metric", "mrr"))


def test_all_wrong_values_are_told_at_once_with_their_options() -> None:
    with pytest.raises(InputError) as caught:
        sweep_plan(parsed("run", "text-search", "--sweep-trials", "0", "--stop", "medium"))
    message = str(caught.value)
    assert "--sweep-trials 0" in message and "--stop medium" in message and "`median`" in message
