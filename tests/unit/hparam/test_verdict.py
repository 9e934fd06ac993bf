from __future__ import annotations

import json

import pytest

from components.trial import RESULT
from hparam.executors import Observed, Phase
from hparam.outcome import Failure
from hparam.verdict import verdict
from tests.sweeps import finish

FAILED = Observed(Phase.FAILED, "exit 1", "the process ended with exit 1", ("a", "b"))
FAULT = Observed(Phase.FAULT, "oom", "out of memory", ("c",))


@pytest.mark.parametrize("phase", [Phase.WAITING, Phase.RUNNING])
def test_nothing_has_come_of_a_run_that_goes_on(tmp_path, phase) -> None:
    finish(tmp_path, 1.0)
    assert verdict(Observed(phase), tmp_path) is None


@pytest.mark.parametrize("observed", [Observed(Phase.SUCCEEDED), FAULT, None])
def test_result_counts_whatever_became_of_the_run_afterwards(tmp_path, observed) -> None:
    finish(tmp_path, 0.9, step=7)
    found = verdict(observed, tmp_path)
    assert (found.event, found.fields) == ("succeeded", {"value": 0.9, "step": 7, "metrics": {"rmse": 0.9}})


def test_run_that_failed_has_failed_even_with_a_result(tmp_path) -> None:
    finish(tmp_path, 0.9)
    assert verdict(FAILED, tmp_path).event == "failed"


def test_end_without_a_result_is_a_failure_with_the_last_lines_of_the_log(tmp_path) -> None:
    (tmp_path / "log.txt").write_text("".join(f"line {n}\n" for n in range(30)))
    found = verdict(Observed(Phase.SUCCEEDED), tmp_path)
    assert (found.event, found.fields["reason"]) == ("failed", "no_metric")
    assert found.fields["log"] == [f"line {n}" for n in range(10, 30)]


@pytest.mark.parametrize("observed", [FAILED, FAULT])
def test_failure_is_told_in_the_trials_own_words(tmp_path, observed) -> None:
    Failure("input", "no such column").write(tmp_path)
    found = verdict(observed, tmp_path)
    assert (found.event, found.fields["reason"], found.fields["message"]) == (
        "failed",
        "input",
        "no such column",
    )


def test_failure_without_words_is_told_by_its_exit_code(tmp_path) -> None:
    found = verdict(FAILED, tmp_path)
    assert found.event == "failed"
    assert found.fields == {"reason": "error", "message": "the process ended with exit 1", "log": ["a", "b"]}


def test_fault_is_not_the_trials(tmp_path) -> None:
    found = verdict(FAULT, tmp_path)
    assert (found.event, found.fields) == (
        "lost",
        {"reason": "oom", "message": "out of memory", "log": ["c"]},
    )


def test_run_that_nobody_knows_any_more_is_lost(tmp_path) -> None:
    found = verdict(None, tmp_path)
    assert (found.event, found.fields["reason"]) == ("lost", "gone")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_result_that_is_no_finite_number_is_a_failure(tmp_path, value) -> None:
    finish(tmp_path, value)
    found = verdict(Observed(Phase.SUCCEEDED), tmp_path)
    assert (found.event, found.fields["reason"]) == ("failed", "non_finite")


def test_other_metrics_that_are_no_finite_numbers_are_left_out(tmp_path) -> None:
    metrics = {"rmse": 1.0, "mae": float("nan")}
    (tmp_path / RESULT).write_text(json.dumps({"step": 1, "value": 1.0, "metrics": metrics}))
    assert verdict(Observed(Phase.SUCCEEDED), tmp_path).fields["metrics"] == {"rmse": 1.0}
