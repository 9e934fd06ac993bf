"""The gateway in front of a real model server, asked over HTTP."""

from __future__ import annotations

import base64
import json
import os
import struct
import threading
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import requests
import uvicorn
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings

from components.gateway.app import create_app
from components.gateway.gateway import Gateway
from components.gateway.keys import add_key
from components.gateway.servers import Servers
from components.gateway.settings import GatewaySettings
from components.serving.ports import bind
from tests import gateway_models as toys
from tests.contract.server_process import ServerProcess
from tests.gateway_requests import Drawn, requests_of

SEARCH, RECOMMENDER = "toy-search", "toy-recommender"
EXAMPLES = int(os.environ.get("LODESTAR_GATEWAY_EXAMPLES", "300"))


class Client:
    """An HTTP client of one gateway."""

    def __init__(self, url: str, gateway: Gateway) -> None:
        self.url, self.gateway = url, gateway
        self.session = requests.Session()

    def __call__(self, method: str, path: str, **named: Any) -> requests.Response:
        return self.session.request(method, self.url + path, timeout=30, **named)

    def get(self, path: str, **parameters: Any) -> dict[str, Any]:
        response = self("GET", path, params=parameters)
        assert response.status_code == 200, response.text
        return response.json()

    def ids(self, path: str, **parameters: Any) -> list[str]:
        return [result["id"] for result in self.get(path, **parameters)["results"]]

    def error(self, method: str, path: str, **named: Any) -> tuple[int, str, str | None]:
        response = self(method, path, **named)
        error = response.json()["error"]
        assert error["message"].strip()
        return response.status_code, error["code"], error["field"]

    def feedback(self, *events: dict[str, Any]) -> dict[str, int]:
        response = self("POST", "/v1/feedback", json={"events": list(events)})
        assert response.status_code == 202, response.text
        return response.json()


@contextmanager
def running(settings: GatewaySettings) -> Iterator[Client]:
    """Serve in a thread, on a socket of its own."""
    gateway = Gateway.make(settings, toys.FAMILIES)
    listener = bind("127.0.0.1", 0, "--port")
    listener.listen()
    server = uvicorn.Server(uvicorn.Config(create_app(gateway), log_config=None, server_header=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield Client(f"http://127.0.0.1:{listener.getsockname()[1]}", gateway)
    finally:
        server.should_exit = True
        thread.join(30)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("gateway")
    serving = base / "serving"
    search = toys.write_search_examples(base / "search")
    for _ in range(2):
        toys.publish(serving, SEARCH, search)
    toys.publish(serving, RECOMMENDER, toys.write_recommender_examples(base / "recommender"))
    toys.publish(serving, "toy-pictures")
    toys.publish(serving, "toy-plain")
    toys.publish_shards(serving, 3)
    toys.pin(serving, toy_search={"stable": 1, "canary": {"version": 2, "percent": 0}})
    return serving


@pytest.fixture(scope="module")
def server(root: Path) -> Iterator[ServerProcess]:
    with ServerProcess(root) as process:
        yield process


@pytest.fixture(scope="module")
def settings(root: Path, server: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> GatewaySettings:
    base = tmp_path_factory.mktemp("home")
    return GatewaySettings(
        servers=Servers(server.grpc),
        serving=root,
        feedback=base / "feedback",
        state=base / "state",
        deployments=root / "deployments.json",
        rate_limit="",
    )


@pytest.fixture(scope="module")
def client(settings: GatewaySettings) -> Iterator[Client]:
    with running(replace(settings, import_catalogue=False)) as started:
        started.gateway.follower.look()
        yield started


# --- models ---


def test_models_say_how_they_are_asked_and_which_versions_there_are(client):
    found = {model["name"]: model for model in client.get("/v1/models")["models"]}
    assert {name: model["query"] for name, model in found.items()} == {
        "toy-pictures": "image",
        "toy-plain": "text",
        "toy-recommender": "user",
        "toy-search": "text",
    }
    search = found[SEARCH]
    assert search["versions"] == [
        {"version": 2, "state": "AVAILABLE", "labels": ["canary"]},
        {"version": 1, "state": "AVAILABLE", "labels": ["stable"]},
    ]
    assert (search["stable"], search["canary"]) == (1, {"version": 2, "percent": 0.0})
    assert search["signatures"] == ["embed", "retrieve", "serving_default", "similar", "titles", "vectors"]


# --- search ---


def test_search_ranks_and_names_and_explains(client):
    answer = client.get("/v1/search", model=SEARCH, q="blue i4", limit=3)
    assert [result["id"] for result in answer["results"]] == ["i4", "i3", "i5"]
    first = answer["results"][0]
    assert (first["rank"], first["title"], first["metadata"]["colour"]) == (1, "Item i4", ["blue"])
    assert first["metadata"]["text"].endswith(" …") and len(first["metadata"]["text"]) < 450
    assert first["reason"] == {"kind": "matches", "item": None, "title": None, "terms": ["blue", "i4"]}
    assert answer["query"] == {"q": "blue i4"}
    assert answer["timing_ms"]["total"] >= answer["timing_ms"]["model"] > 0


def test_title_that_the_catalogue_lacks_comes_from_the_model(client):
    [result] = client.get("/v1/search", model=SEARCH, q="i29", limit=1)["results"]
    assert (result["title"], result["metadata"], result["reason"]) == (
        "Title of i29",
        {},
        {
            "kind": "matches",
            "item": None,
            "title": None,
            "terms": ["i29"],
        },
    )


def test_pages_follow_each_other_without_gap_or_repetition(client):
    whole = client.ids("/v1/search", model=SEARCH, q="i4", limit=20)
    pages, cursor = [], None
    while True:
        answer = client.get("/v1/search", model=SEARCH, q="i4", limit=7, cursor=cursor)
        pages.append([result["id"] for result in answer["results"]])
        assert answer["results"][0]["rank"] == 7 * (len(pages) - 1) + 1
        cursor = answer["next_cursor"]
        if cursor is None:
            break
    assert ([len(page) for page in pages], list(chain.from_iterable(pages))) == ([7, 7, 6], whole)


def test_pages_come_from_the_version_of_the_first(client):
    first = client.get("/v1/search", model=SEARCH, q="i4", limit=3, label="canary")
    second = client.get("/v1/search", model=SEARCH, q="i4", limit=3, cursor=first["next_cursor"])
    assert [(page["version"], page["label"]) for page in (first, second)] == [(2, "canary")] * 2


@pytest.mark.parametrize("cursor", ["", "x", "é", "W10", "WzEsMl0", "a" * 401])
def test_what_is_no_cursor_is_refused(client, cursor):
    status, _, field = client.error("GET", "/v1/search", params={"q": "a", "model": SEARCH, "cursor": cursor})
    assert (status in (400, 422), field) == (True, "cursor")


def test_cursor_of_another_query_is_refused(client):
    cursor = client.get("/v1/search", model=SEARCH, q="i4", limit=3)["next_cursor"]
    for change in ({"q": "i5"}, {"q": "i4", "category": "red"}, {"q": "i4", "model": "toy-plain"}):
        parameters = {"model": SEARCH, "cursor": cursor, **change}
        assert client.error("GET", "/v1/search", params=parameters) == (400, "invalid_request", "cursor")


def test_cursor_of_a_version_that_is_gone_has_expired(client):
    cursor = client.get("/v1/search", model=SEARCH, q="i4", limit=3)["next_cursor"]
    _, *rest = json.loads(base64.urlsafe_b64decode(cursor + "=="))
    forged = base64.urlsafe_b64encode(json.dumps([77, *rest]).encode()).decode().rstrip("=")
    parameters = {"q": "i4", "model": SEARCH, "cursor": forged}
    assert client.error("GET", "/v1/search", params=parameters) == (410, "cursor_expired", "cursor")


def test_model_restricts_to_categories_and_leaves_out_what_is_excluded(client):
    ids = client.ids("/v1/search", model=SEARCH, q="i4", limit=20, category="red", exclude=["i3", "i6"])
    assert ids[:2] == ["i0", "i9"]
    assert len(ids) == 8 and all(int(name[1:]) % 3 == 0 for name in ids)


def test_without_retrieve_the_gateway_restricts_by_its_catalogue(client):
    found = client.ids("/v1/recommend/u4", category="red", exclude="i3", limit=20)
    assert found[:2] == ["i6", "i0"]
    assert all(int(name[1:]) % 3 == 0 for name in found)


def test_categories_that_nobody_knows_are_refused(client):
    parameters = {"model": "toy-plain", "q": "a", "category": "red"}
    assert client.error("GET", "/v1/search", params=parameters) == (400, "unsupported", "category")


def test_diversity_spreads_the_answer_and_keeps_the_best_first(client):
    plain = client.ids("/v1/search", model=SEARCH, q="i4", limit=5)
    spread = client.ids("/v1/search", model=SEARCH, q="i4", limit=5, diversity=0.7)
    assert (plain[0], spread[0]) == ("i4", "i4")
    width = lambda ids: max(int(name[1:]) for name in ids) - min(int(name[1:]) for name in ids)  # noqa: E731
    assert width(spread) > width(plain)


def test_diversity_without_vectors_or_categories_warns(client):
    answer = client.get("/v1/search", model="toy-plain", q="a", diversity=0.5)
    assert ([r["id"] for r in answer["results"]][:3], len(answer["warnings"])) == (["i0", "i1", "i2"], 1)


@pytest.mark.parametrize(
    ("parameters", "status", "code", "field"),
    [
        ({"q": "a"}, 400, "invalid_request", "model"),
        ({"q": "a", "model": "absent"}, 404, "unknown_model", "model"),
        ({"q": "a", "model": RECOMMENDER}, 400, "wrong_kind", "model"),
        ({"q": "a", "model": "toy-pictures"}, 400, "wrong_kind", "model"),
        ({"model": SEARCH}, 422, "invalid_request", "q"),
        ({"q": "", "model": SEARCH}, 422, "invalid_request", "q"),
        ({"q": " \t", "model": SEARCH}, 400, "invalid_request", "q"),
        ({"q": "a" * 2001, "model": SEARCH}, 422, "invalid_request", "q"),
        ({"q": "a", "model": SEARCH, "limit": 0}, 422, "invalid_request", "limit"),
        ({"q": "a", "model": SEARCH, "limit": 101}, 422, "invalid_request", "limit"),
        ({"q": "a", "model": SEARCH, "limit": "ten"}, 422, "invalid_request", "limit"),
        ({"q": "a", "model": SEARCH, "diversity": 1.1}, 422, "invalid_request", "diversity"),
        ({"q": "a", "model": SEARCH, "diversity": "nan"}, 422, "invalid_request", "diversity"),
        ({"q": "a", "model": SEARCH, "version": 9}, 404, "not_served", "version"),
        ({"q": "a", "model": SEARCH, "version": 2**63}, 422, "invalid_request", "version"),
        ({"q": "a", "model": SEARCH, "label": "absent"}, 404, "unknown_label", "label"),
        ({"q": "a", "model": SEARCH, "label": "stable", "version": 1}, 400, "invalid_request", "label"),
    ],
)
def test_wrong_parameter_is_named(client, parameters, status, code, field):
    assert client.error("GET", "/v1/search", params=parameters) == (status, code, field)


def test_shards_answer_together_what_one_model_would(client, settings):
    shards = {SEARCH: tuple(f"shard-{n}" for n in range(3))}
    asked = {"model": SEARCH, "q": "i4", "limit": 8}
    with running(replace(settings, import_catalogue=False, shards=shards)) as divided:
        assert divided.ids("/v1/search", **asked) == client.ids("/v1/search", **asked)
        excluding = {**asked, "exclude": ["i4", "i5"]}
        assert divided.ids("/v1/search", **excluding)[:3] == client.ids("/v1/search", **excluding)[:3]
    broken = {SEARCH: ("shard-0", "absent")}
    with running(replace(settings, import_catalogue=False, shards=broken)) as halved:
        assert halved.error("GET", "/v1/search", params=asked)[0] == 404


# --- versions ---


def test_stable_answers_unless_another_version_is_asked_for(client):
    asked = [{}, {"version": 2}, {"label": "canary"}, {"label": "stable"}]
    answers = [client("GET", "/v1/search", params={"model": SEARCH, "q": "i4", **one}) for one in asked]
    found = [(answer.json()["version"], answer.json()["label"]) for answer in answers]
    assert found == [(1, "stable"), (2, None), (2, "canary"), (1, "stable")]
    assert [answer.headers["X-Lodestar-Version"] for answer in answers] == ["1", "2", "2", "1"]


def test_model_that_is_not_pinned_answers_with_the_newest(client):
    answer = client.get("/v1/search", model="toy-plain", q="a")
    assert (answer["version"], answer["label"]) == (1, None)


def test_canary_gets_its_share_and_callers_stay_with_their_version(client, root):
    def versions() -> list[int]:
        parameters = {"model": SEARCH, "q": "i4", "limit": 1}
        headers = [{"X-Lodestar-Session": f"session {n}"} for n in range(100)]
        return [client("GET", "/v1/search", params=parameters, headers=h).json()["version"] for h in headers]

    try:
        toys.pin(root, toy_search={"stable": 1, "canary": {"version": 2, "percent": 30}})
        first, again = versions(), versions()
        assert first == again
        assert 15 < first.count(2) < 45
        toys.pin(root, toy_search={"stable": 1, "canary": {"version": 2, "percent": 100}})
        assert set(versions()) == {2}
    finally:
        toys.pin(root, toy_search={"stable": 1, "canary": {"version": 2, "percent": 0}})
    assert set(versions()) == {1}


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


# --- feedback ---


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


# --- keys, rate, health ---


def test_key_is_asked_for_where_keys_are_configured(settings, tmp_path):
    path = tmp_path / "keys"
    key = add_key(path, "shop")
    with running(replace(settings, import_catalogue=False, api_keys=path)) as locked:
        parameters = {"model": SEARCH, "q": "i4"}
        headers = [{}, {"X-API-Key": "wrong"}, {"X-API-Key": key}, {"Authorization": f"Bearer {key}"}]
        answers = [locked("GET", "/v1/search", params=parameters, headers=one) for one in headers]
        assert [answer.status_code for answer in answers] == [401, 401, 200, 200]
        assert answers[0].headers["WWW-Authenticate"] == "Bearer"
        assert locked("GET", "/healthz").status_code == 200
        assert locked("GET", "/").status_code == 200
        path.write_text("")
        assert locked("GET", "/v1/models", headers={"X-API-Key": key}).status_code == 401


def test_caller_over_the_rate_is_told_when_to_come_back(settings):
    with running(replace(settings, import_catalogue=False, rate_limit="3/minute")) as slow:
        answers = [slow("GET", "/v1/users", params={"model": RECOMMENDER}) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert 0 < int(answers[3].headers["Retry-After"]) <= 60
        assert slow("GET", "/healthz").status_code == 200


def test_gateway_without_a_model_server_lives_but_is_not_ready(settings):
    with running(replace(settings, servers=Servers("127.0.0.1:1"), timeout_seconds=0.3)) as lonely:
        assert lonely("GET", "/healthz").status_code == 200
        assert lonely.error("GET", "/readyz") == (503, "unavailable", None)
        response = lonely("GET", "/v1/search", params={"model": SEARCH, "q": "a"})
        assert (response.status_code, response.headers["Retry-After"]) == (503, "1")


def test_answers_carry_the_trace_and_what_browsers_must_heed(client):
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    response = client(
        "GET", "/v1/search", params={"model": SEARCH, "q": "a"}, headers={"traceparent": parent}
    )
    assert response.json()["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    assert response.headers["traceparent"].startswith("00-0af7651916cd43dd8448eb211c80319c-")
    assert response.headers["traceparent"] != parent
    assert "script-src 'self'" in response.headers["Content-Security-Policy"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert client("GET", "/v1/absent").headers["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/absent", 404), ("DELETE", "/v1/search", 405), ("GET", "/v1/", 404)],
)
def test_what_is_not_there_is_an_error_in_the_same_form(client, method, path, status):
    assert client.error(method, path)[0] == status


def test_metrics_count_by_route_and_not_by_what_callers_send(client):
    for n in range(5):
        client("GET", f"/v1/recommend/metric-{n}")
        client("GET", f"/absent-{n}")
    text = client("GET", "/metrics").text
    assert 'lodestar_gateway_requests_total{method="GET",route="/v1/recommend/{user}",status="200"}' in text
    assert 'lodestar_gateway_model_calls_total{code="OK",method="serving_default",model="toy-search"}' in text
    assert "metric-1" not in text and "absent-1" not in text


def test_import_that_is_done_is_not_repeated(client):
    def imports() -> list[str]:
        lines = client.gateway.metrics.text().decode().splitlines()
        return [line for line in lines if "catalogue_imports_total{" in line]

    before = imports()
    client.gateway.follower.look()
    assert before == imports()
    assert len(before) == 2


# --- whatever is sent ---


def test_any_request_is_answered_as_described(client):
    openapi = client("GET", "/openapi.json").json()
    counts: Counter[int] = Counter()

    @given(requests_of(openapi, sorted(toys.FAMILIES)))
    @hypothesis_settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    def answered(drawn: Drawn) -> None:
        headers = {"Content-Type": "application/json"} if drawn.body is not None else {}
        response = client(drawn.method, drawn.path, params=drawn.parameters, data=drawn.body, headers=headers)
        counts[response.status_code] += 1
        described = openapi["paths"][drawn.route][drawn.method.lower()]["responses"]
        # An id of dots or slashes may be another path to the HTTP client.
        assert str(response.status_code) in described or response.status_code in (404, 405), response.text
        assert response.status_code not in (500, 502)
        if response.status_code >= 400:
            assert set(response.json()["error"]) == {"code", "message", "field"}

    answered()
    assert counts[200] > EXAMPLES / 20, counts


def test_description_has_an_example_or_a_text_for_every_parameter(client):
    openapi = client("GET", "/openapi.json").json()
    operations = [one for methods in openapi["paths"].values() for one in methods.values()]
    parameters = [one for operation in operations for one in operation.get("parameters", ())]
    assert len(operations) >= 12
    assert [one["name"] for one in parameters if not one.get("description")] == []
    assert all(operation["summary"] for operation in operations)
