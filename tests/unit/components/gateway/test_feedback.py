from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import sqlalchemy as sa

from components.gateway import feedback as module
from components.gateway.database import EVENT_IDS, IMPORTS
from components.gateway.errors import GatewayError
from components.gateway.feedback import Feedback, FeedbackLog
from components.gateway.schemas import FeedbackEvent


def lines(folder: Path) -> list[dict]:
    found = [line for path in sorted(folder.glob("*.jsonl")) for line in path.read_text().splitlines()]
    return [json.loads(line) for line in found]


def click(number: int, **changes) -> FeedbackEvent:
    given = {"model": "m", "type": "click", "user": "u", "item": f"i{number}", "event_id": f"e{number}"}
    return FeedbackEvent(**{**given, **changes})


@pytest.fixture
def log(tmp_path):
    opened = FeedbackLog(tmp_path / "feedback", lambda: 1000.0)
    yield opened
    opened.close()


@pytest.fixture
def feedback(log, database):
    return Feedback(log, database, lambda: 1000.0)


def test_full_file_is_followed_by_another(tmp_path):
    log = FeedbackLog(tmp_path, lambda: 0.0, segment_bytes=25)
    for number in range(4):
        log.append("m", [{"number": number}])
    assert len(list((tmp_path / "m").iterdir())) == 2
    assert sorted(line["number"] for line in lines(tmp_path / "m")) == [0, 1, 2, 3]


def test_lines_are_on_disk_before_append_returns(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.fstat(handle).st_size))
    FeedbackLog(tmp_path, lambda: 0.0).append("m", [{"a": 1}])
    assert synced[-1] == len('{"a": 1}\n')


def test_two_processes_write_files_of_their_own(tmp_path):
    one, other = (FeedbackLog(tmp_path, lambda: 0.0) for _ in range(2))
    for log in (one, other, one):
        log.append("m", [{"a": 1}])
    assert len(list((tmp_path / "m").iterdir())) == 2
    assert len(lines(tmp_path / "m")) == 3


def test_failed_write_leaves_no_line_and_the_next_succeeds(feedback, log, tmp_path, monkeypatch):
    feedback.accept([click(1)])

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(module.os, "fsync", full)
        with pytest.raises(GatewayError) as caught:
            feedback.accept([click(2), click(3)])
    assert (caught.value.status, "No space left" in caught.value.message) == (503, True)
    receipt = feedback.accept([click(2), click(3)])
    assert (receipt.accepted, receipt.duplicates) == (2, 0)
    assert [line["event_id"] for line in lines(tmp_path / "feedback" / "m")].count("e2") == 1


def test_event_that_was_there_is_counted_and_not_kept_again(feedback, tmp_path):
    first = feedback.accept([click(1), click(2), click(1)])
    second = feedback.accept([click(2), click(3)])
    assert [(r.accepted, r.duplicates) for r in (first, second)] == [(2, 1), (1, 1)]
    assert len(lines(tmp_path / "feedback" / "m")) == 3


def test_same_id_on_two_models_is_two_events(feedback):
    assert feedback.accept([click(1), click(1, model="n")]).accepted == 2


def test_event_without_an_id_gets_one(feedback, tmp_path):
    assert feedback.accept([click(1, event_id=None), click(1, event_id=None)]).accepted == 2
    assert len({line["event_id"] for line in lines(tmp_path / "feedback" / "m")}) == 2


def test_events_say_which_data_their_ids_are_of(feedback, database, tmp_path):
    row = {"model": "m", "generation": 1, "source": "/examples/7", "claimed_until": 0.0}
    with database.begin() as connection:
        connection.execute(sa.insert(IMPORTS), [row])
    feedback.accept([click(1)])
    assert lines(tmp_path / "feedback" / "m")[0]["examples"] == "/examples/7"


def test_ids_are_forgotten_after_thirty_days(log, database):
    now = [0.0]
    feedback = Feedback(log, database, lambda: now[0])
    feedback.accept([click(1)])
    now[0] = 31 * 24 * 3600.0
    feedback.accept([click(2)])
    with database.begin() as connection:
        assert connection.execute(sa.select(EVENT_IDS.c.id)).scalars().all() == ["e2"]
