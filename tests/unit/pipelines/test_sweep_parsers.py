from __future__ import annotations

import pytest

from pipelines.cli import parser
from pipelines.sweep_parsers import with_start

ACTIONS = ("list", "status", "pause", "resume", "stop", "best", "retry", "set", "report")


def parsed(*words: str):
    return parser().parse_args(with_start(["sweep", *words]))


def test_first_word_that_is_no_action_is_a_family() -> None:
    arguments = parsed("text-search", "--trials", "12", "--stop", "median")
    assert (arguments.action, arguments.family, arguments.trials) == ("start", "text-search", 12)
    assert parsed("--trials", "12", "text-search").family == "text-search"
    assert parsed("start", "list").family == "list"


@pytest.mark.parametrize("action", ACTIONS)
def test_actions_are_not_taken_for_families(action: str) -> None:
    subject = [] if action == "list" else ["films", *(["7"] if action == "retry" else [])]
    arguments = parsed(action, *subject, "-o", "json")
    assert (arguments.action, arguments.output) == (action, "json")


def test_other_verbs_are_left_alone() -> None:
    assert with_start(["run", "sweep"]) == ["run", "sweep"]
    assert with_start(["sweep"]) == ["sweep"]


@pytest.mark.parametrize("words", [["list", "--trials", "3"], ["status"], ["retry", "films", "first"], []])
def test_what_an_action_does_not_take_is_refused(words: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        parsed(*words)
    assert stopped.value.code == 2
