from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.status import State, Status, roll_up

START = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
STATES = st.lists(st.sampled_from(State), min_size=1, max_size=12)


@given(STATES)
def test_whole_has_ended_only_when_every_part_has(states: list[State]) -> None:
    assert roll_up(states).final == all(state.final for state in states)


@given(STATES)
def test_whole_that_has_ended_is_good_only_when_every_part_is(states: list[State]) -> None:
    whole = roll_up(states)
    if whole.final:
        assert whole.good == all(state.good for state in states)


@given(STATES, st.randoms(use_true_random=False))
def test_order_of_the_parts_does_not_matter(states: list[State], random: object) -> None:
    shuffled = states.copy()
    random.shuffle(shuffled)
    assert roll_up(shuffled) is roll_up(states)


@given(STATES, STATES)
def test_parts_may_be_rolled_up_in_groups(some: list[State], others: list[State]) -> None:
    assert roll_up([roll_up(some), roll_up(others)]) is roll_up(some + others)


@given(st.sampled_from(State))
def test_equal_parts_give_their_own_state(state: State) -> None:
    assert roll_up([state] * 3) is state


@pytest.mark.parametrize(
    ("states", "whole"),
    [
        ([], State.WAITING),
        ([State.DONE, State.REUSED], State.DONE),
        ([State.DONE, State.FAILED, State.SKIPPED], State.FAILED),
        ([State.FAILED, State.RUNNING], State.RUNNING),
        ([State.PENDING, State.WAITING], State.PENDING),
        ([State.DONE, State.CANCELED], State.CANCELED),
    ],
)
def test_whole_is_what_decides(states: list[State], whole: State) -> None:
    assert roll_up(states) is whole


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (State.DONE, 0),
        (State.REUSED, 0),
        (State.SKIPPED, 0),
        (State.FAILED, 1),
        (State.CANCELED, 1),
        (State.RUNNING, 3),
        (State.PENDING, 3),
        (State.WAITING, 3),
        (State.CANCELING, 3),
    ],
)
def test_exit_code_follows_from_the_state(state: State, code: int) -> None:
    assert Status("run", "r", state).exit_code == code


def test_seconds_run_until_the_end_or_until_now() -> None:
    now = START + timedelta(seconds=90)
    ended = Status("step", "Trainer", State.DONE, started=START, finished=START + timedelta(seconds=30))
    running = Status("step", "Trainer", State.RUNNING, started=START)
    assert ended.seconds(now) == 30.0
    assert running.seconds(now) == 90.0
    assert Status("step", "Trainer", State.WAITING).seconds(now) is None


def test_seconds_are_not_negative_when_the_clocks_differ() -> None:
    running = Status("step", "Trainer", State.RUNNING, started=START)
    assert running.seconds(START - timedelta(seconds=5)) == 0.0


def test_json_has_the_parts_and_iso_times() -> None:
    step = Status("step", "Trainer", State.FAILED, "trainer", START, START + timedelta(seconds=1.26), "boom")
    value = Status("run", "r", State.FAILED, "id", START, parts=(step,)).as_json(START)
    assert value["started"] == "2026-03-01T12:00:00+00:00"
    assert value["finished"] is None
    assert value["parts"] == [
        {
            "kind": "step",
            "name": "Trainer",
            "id": "trainer",
            "state": "failed",
            "started": "2026-03-01T12:00:00+00:00",
            "finished": "2026-03-01T12:00:01.260000+00:00",
            "seconds": 1.3,
            "why": "boom",
            "made": "",
            "parts": [],
        }
    ]
