from __future__ import annotations

from typing import Any

from hparam.inbox import Inbox


def lying(*names: str) -> list[dict[str, Any]]:
    return [{"id": name, "change": {"retry": index}} for index, name in enumerate(names)]


def test_request_is_handed_out_once_and_stays_until_the_next_is_asked_for() -> None:
    inbox = Inbox()
    assert inbox.look(lying("a", "b")) == lying("a", "b")
    assert inbox.take() == [{"retry": 0}, {"retry": 1}]
    assert inbox.look(lying("a", "b")) == lying("a", "b")
    assert inbox.take() == []
    assert inbox.look(lying("a", "b", "c")) == lying("a", "b", "c")[2:]
    assert inbox.take() == [{"retry": 2}]


def test_taken_requests_are_done_at_the_end_and_others_stay() -> None:
    inbox = Inbox()
    inbox.look(lying("a"))
    inbox.take()
    inbox.look(lying("a", "b"))
    inbox.finish()
    assert inbox.look(lying("a", "b")) == lying("a", "b")[1:]
