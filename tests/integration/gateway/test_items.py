"""Uploads, recommendations, similar items, users and items of the gateway, asked over HTTP."""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace
from typing import Any

import pytest
import requests

from tests.gateway_client import SEARCH, Client, running

# --- upload ---


def png(brightness: int) -> bytes:
    """Return a grey picture of 2 x 2 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 8, 0, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(bytes([0, brightness, brightness] * 2)))
    return b"\x89PNG\r\n\x1a\n" + header + pixels + chunk(b"IEND", b"")


def upload(client: Client, content: bytes, kind: str = "image/png", **fields: Any) -> requests.Response:
    fields = {"model": "toy-pictures", "limit": 3, **fields}
    return client("POST", "/v1/search", files={"file": ("picture", content, kind)}, data=fields)


@pytest.mark.parametrize(("brightness", "best"), [(0, "i0"), (255, "i29")])
def test_image_finds_what_is_like_it(client, brightness, best):
    answer = upload(client, png(brightness))
    assert answer.status_code == 200, answer.text
    assert answer.json()["results"][0]["id"] == best
    assert answer.json()["query"]["file"]["bytes"] == len(png(brightness))
    assert answer.json()["next_cursor"] is None


@pytest.mark.parametrize(
    ("content", "kind", "fields", "status", "code", "field"),
    [
        (b"no picture", "image/png", {}, 400, "refused_by_model", None),
        (b"", "image/png", {}, 400, "invalid_request", "file"),
        (b"RIFF", "audio/wav", {}, 400, "invalid_request", "file"),
        (png(0), "image/png", {"model": SEARCH}, 400, "wrong_kind", "model"),
        (png(0), "image/png", {"model": "absent"}, 404, "unknown_model", "model"),
        (png(0), "image/png", {"limit": 0}, 422, "invalid_request", "limit"),
    ],
)
def test_upload_that_cannot_be_used_says_why(client, content, kind, fields, status, code, field):
    response = upload(client, content, kind, **fields)
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["field"]) == (status, code, field)
    assert "Traceback" not in error["message"] and "\n" not in error["message"]


def test_upload_over_the_limit_is_refused_whether_or_not_its_length_is_said(settings):
    with running(replace(settings, import_catalogue=False, max_upload_bytes=10_000)) as small:
        assert upload(small, bytes(20_000)).status_code == 413
        start = b'--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
        chunks = (start if n == 0 else bytes(1000) for n in range(20))
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        try:
            status = small("POST", "/v1/search", data=chunks, headers=headers).status_code
        except requests.ConnectionError:
            pass  # it hung up while the rest was still being sent
        else:
            assert status == 413
        assert upload(small, png(0)).status_code == 200


# --- recommend, similar, users, items ---


def test_recommendations_leave_out_history_and_say_what_they_are_like(client):
    answer = client.get("/v1/recommend/u4", limit=3)
    assert [result["id"] for result in answer["results"]] == ["i3", "i5", "i2"]
    expected = {"kind": "similar_to", "item": "i4", "title": "Item i4", "terms": []}
    assert answer["results"][0]["reason"] == expected


def test_recommendations_may_hold_what_the_user_had(client):
    answer = client.get("/v1/recommend/u4", limit=2, exclude_seen=False, reasons=False)
    [best, *_] = answer["results"]
    assert (best["id"], best["reason"]) == ("i4", None)


def test_unknown_user_gets_what_is_popular(client):
    answer = client.get("/v1/recommend/nobody", limit=2)
    assert [result["reason"]["kind"] for result in answer["results"]] == ["popular", "popular"]


@pytest.mark.parametrize(
    "user", ["a/b", "a%2Fb", "%2e%2e", "ü", "%00", "a b", "%F0%9F%8E%A7", "'; DROP TABLE items"]
)
def test_any_user_id_is_taken_as_it_is(client, user):
    response = client("GET", f"/v1/recommend/{user}")
    assert response.status_code == (400 if user == "%00" else 200), response.text


def test_similar_items_are_without_the_item_itself(client):
    answer = client.get("/v1/similar/i4", model=SEARCH, limit=2)
    assert [(result["id"], result["title"]) for result in answer["results"]] == [
        ("i3", "Item i3"),
        ("i5", "Item i5"),
    ]
    assert client.ids("/v1/similar/absent", model=SEARCH) == []


def test_model_without_similar_items_says_so(client):
    assert client.error("GET", "/v1/similar/i4?model=toy-plain") == (501, "unsupported", "model")


def test_users_are_found_by_the_beginning_of_their_id(client):
    assert client.get("/v1/users", prefix="u1", limit=3)["users"] == [
        {"id": "u1", "events": 2},
        {"id": "u10", "events": 2},
        {"id": "u11", "events": 2},
    ]
    for prefix in ("absent", "%", "_", "\0"):
        assert client.get("/v1/users", prefix=prefix)["users"] == []


def test_history_is_newest_first_page_by_page(client):
    first = client.get("/v1/users/u7/history", limit=1)
    assert first["events"] == [
        {"item": "i7", "title": "Item i7", "value": 5.0, "type": "rating", "time": "1970-01-01T00:33:27Z"}
    ]
    second = client.get("/v1/users/u7/history", limit=1, cursor=first["next_cursor"])
    assert [(event["item"], event["value"]) for event in second["events"]] == [("i22", 1.0)]
    assert second["next_cursor"] is None
    assert client.get("/v1/users/nobody/history")["events"] == []


def test_item_shows_all_that_is_known(client):
    item = client.get("/v1/items/i4", model=SEARCH)
    assert (item["title"], len(item["metadata"]["text"])) == ("Item i4", 1013)
    assert client.error("GET", "/v1/items/i29?model=toy-search") == (404, "unknown_item", "item")


def test_import_that_is_done_is_not_repeated(client):
    def imports() -> list[str]:
        lines = client.gateway.metrics.text().decode().splitlines()
        return [line for line in lines if "catalogue_imports_total{" in line]

    before = imports()
    client.gateway.follower.look()
    assert before == imports()
    assert len(before) == 2
