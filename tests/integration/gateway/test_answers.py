"""Models, search and versions of the gateway in front of a real model server, asked over HTTP."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from itertools import chain

import pytest

from tests import gateway_models as toys
from tests.gateway_client import RECOMMENDER, SEARCH, running

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
