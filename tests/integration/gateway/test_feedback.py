"""Feedback that the gateway takes over HTTP."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
import requests

from tests.gateway_client import RECOMMENDER


def rating(user: str, item: str, value: float, event_id: str) -> dict[str, Any]:
    event = {"model": RECOMMENDER, "type": "rating", "user": user, "item": item, "value": value}
    return {**event, "event_id": event_id}


def test_feedback_is_on_disk_once_and_shows_at_once(client):
    event = rating("fresh", "i10", 4.5, "fresh-1")
    assert client.feedback(event, event) == {"accepted": 1, "duplicates": 1}
    assert client.feedback(event) == {"accepted": 0, "duplicates": 1}
    folder = client.gateway.settings.feedback / RECOMMENDER
    lines = [json.loads(line) for path in folder.iterdir() for line in path.read_text().splitlines()]
    [kept] = [line for line in lines if line["event_id"] == "fresh-1"]
    examples = str(client.gateway.settings.serving.parent / "recommender")
    assert {**event, "time": kept["time"], "examples": examples} == kept
    history = client.get("/v1/users/fresh/history")["events"]
    assert [(event["item"], event["value"]) for event in history] == [("i10", 4.5)]
    [result, *_] = client.get("/v1/recommend/fresh", limit=20)["results"]
    assert "i10" not in client.ids("/v1/recommend/fresh", limit=20)
    assert result["reason"]["item"] in (None, "i10")


def test_events_sent_by_many_at_once_are_each_kept_once(client):
    ids = [f"race-{n}" for n in range(20)]
    totals: list[int] = []

    def send() -> None:
        events = [rating("racer", "i1", 3.0, name) for name in ids]
        answer = requests.post(f"{client.url}/v1/feedback", json={"events": events}, timeout=30)
        totals.append(answer.json()["accepted"])

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(totals) == 20


@pytest.mark.parametrize(
    ("event", "status", "field"),
    [
        ({"type": "rating", "user": "u", "item": "i"}, 400, "events.0.value"),
        ({"type": "rating", "item": "i", "value": 1}, 400, "events.0.user"),
        ({"type": "click"}, 400, "events.0.item"),
        ({"type": "search"}, 400, "events.0.query"),
        ({"type": "poke", "item": "i"}, 422, "events.0.type"),
        ({"type": "click", "item": ""}, 422, "events.0.item"),
        ({"type": "click", "item": "a\0b"}, 400, "events.0.item"),
        ({"type": "click", "item": "\ud800"}, 422, "events.0.item"),
        ({"type": "click", "item": "i", "extra": 1}, 422, "events.0.extra"),
        ({"type": "rating", "user": "u", "item": "i", "value": "NaN"}, 422, "events.0.value"),
        ({"type": "click", "item": "i", "model": "absent"}, 404, "model"),
    ],
)
def test_event_that_is_wrong_is_refused_and_none_of_its_batch_is_kept(client, event, status, field):
    good = rating("refused", "i2", 2.0, "refused-1")
    wrong = {"model": RECOMMENDER, **event}
    body = json.dumps({"events": [wrong, good]})
    response = client("POST", "/v1/feedback", data=body, headers={"Content-Type": "application/json"})
    assert (response.status_code, response.json()["error"]["field"]) == (status, field)
    assert client.get("/v1/users/refused/history")["events"] == []


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"events": []}', b"[" * 100_000, b"\xff", b'{"events": [{}] }']
)
def test_body_that_is_no_batch_is_refused(client, body):
    response = client("POST", "/v1/feedback", data=body, headers={"Content-Type": "application/json"})
    assert response.status_code in (400, 422)
    assert response.json()["error"]["code"] == "invalid_request"
