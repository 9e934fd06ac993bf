from __future__ import annotations

import argparse
import re

import pytest

from components.errors import InputError
from hparam.plan import NAME
from pipelines.cli import parser
from pipelines.run_name import fresh_run_name
from pipelines.sweep_parsers import with_start
from pipelines.sweeps.asked import (
    free_name,
    plan_of,
    refuse_cluster_options,
    refuse_new_questions,
    seconds,
    short_name,
)


def asked(*words: str) -> argparse.Namespace:
    return parser().parse_args(with_start(["sweep", "text-search", *words]))


def test_options_become_a_plan() -> None:
    plan = plan_of(
        asked(
            *("--trials", "12", "--parallel", "3", "--metric", "mrr", "--stop", "asha", "--seed", "5"),
            *("--surrogate", "et", "--initial", "4", "--target", "0.7", "--max-failures", "2"),
            *("--wall-time", "2h", "--name", "words", "--running", "cl_min", "--retries", "5"),
        )
    )
    assert (plan.name, plan.metric, plan.seed) == ("words", "mrr", 5)
    assert plan.budget.model_dump() == {
        "trials": 12, "parallel": 3, "wall_seconds": 7200.0, "failures": 2, "target": 0.7, "retries": 5
    }  # fmt: skip
    assert plan.stopping.rule == "asha"
    assert plan.optimizer.model_dump() == {"surrogate": "et", "running": "cl_min", "initial": 4}


def test_stopping_rule_takes_details() -> None:
    stopping = plan_of(asked("--stop", "median:warmup=20,startup=3")).stopping
    assert (stopping.rule, stopping.warmup, stopping.startup, stopping.interval) == ("median", 20, 3, 1)


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("median:warmup", "`warmup` is not key=value"),
        ("median:warmup=", "not key=value"),
        ("median:warmpu=3", "Did you mean `warmup`"),
        ("asha:reduction=1", "greater than or equal to 2"),
        ("asha:grace=soon", "integer"),
    ],
)
def test_wrong_detail_of_a_stopping_rule_is_refused(rule: str, says: str) -> None:
    with pytest.raises(InputError, match=re.escape(says)):
        plan_of(asked("--stop", rule))


def test_without_options_the_plan_is_the_default() -> None:
    plan = plan_of(asked())
    assert (plan.budget.trials, plan.budget.parallel, plan.stopping.rule) == (40, 4, "none")


def test_every_wrong_option_is_told_at_once() -> None:
    with pytest.raises(InputError) as raised:
        plan_of(asked("--trials", "0", "--stop", "medain", "--name", "Films!"))
    text = str(raised.value)
    assert "3 settings are wrong" in text
    assert "--trials 0" in text
    assert "Did you mean `median`?" in text
    assert "--name Films!" in text


@pytest.mark.parametrize(("text", "value"), [("90", 90), ("90s", 90), ("1.5m", 90), ("12h", 43200)])
def test_durations(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "soon", "3d", "-4", "1h30m"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="no duration"):
        seconds(text)


def test_a_sweep_that_goes_on_takes_no_new_question() -> None:
    refuse_new_questions(asked("--resume", "--trials", "60", "--parallel", "2", "--name", "words"))
    for words in (["--metric", "mrr"], ["--seed", "1"], ["--set", "train.k1=1"], ["--data", "scifact"]):
        with pytest.raises(InputError, match="goes on"):
            refuse_new_questions(asked("--resume", *words))


def test_options_of_a_cluster_are_refused_here() -> None:
    refuse_cluster_options(asked("--trials", "3"))
    for words in (["--watch"], ["--image", "a:b"], ["--experiment", "e"]):
        with pytest.raises(InputError, match=re.escape(words[0])):
            refuse_cluster_options(asked(*words))


def test_default_name_is_the_family_and_the_first_free_number() -> None:
    assert free_name("text-search", []) == "text-search-1"
    assert free_name("text-search", ["text-search-1", "text-search-3"]) == "text-search-2"
    long = free_name("a-family-with-a-name-of-more-than-forty-characters", [])
    assert re.fullmatch(NAME, long)
    assert long.endswith("-1")


@pytest.mark.parametrize("family", ["text-search", "a-family-with-a-name-of-more-than-forty-characters"])
def test_name_on_a_cluster_belongs_to_its_run(family: str) -> None:
    run = fresh_run_name(family)
    name = short_name(run)
    assert re.fullmatch(NAME, name)
    assert name.endswith(run[-4:])
    assert name.startswith(family[:20])
