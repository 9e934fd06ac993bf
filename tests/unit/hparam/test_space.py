from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from components.errors import InputError
from components.family import Family, family_names, find_family
from hparam.dimension import Choice, Number
from hparam.parameters import Parameter
from hparam.space import Space
from pipelines.settings import load_settings

RATINGS, TEXT = find_family("matrix-factorization"), find_family("text-search")


def parse(family: Family, train: Any, *overrides: str) -> Space:
    settings = load_settings(family, overrides=overrides).model_dump(mode="json")
    return Space.parse({"train": train}, family, settings)


ENCODERS: Mapping[str, Any] = {
    "k1": {"uniform": [0.4, 2.0], "when": {"train.encoder": ["bm25", "fused"]}},
    "fusion": {"choices": ["score", "rrf"], "when": {"train.encoder": "fused"}},
    "encoder": {"choices": ["bm25", "lsa", "fused"]},
}


@pytest.mark.parametrize("name", family_names())
def test_what_each_family_searches_is_sound_and_holds_its_defaults(name: str) -> None:
    family = find_family(name)
    settings = load_settings(family).model_dump(mode="json")
    space = Space.parse(settings["search"], family, settings)
    assert space.default is not None
    assert space.settings(settings, space.default) == settings
    points = [space.point(units) for units in np.random.default_rng(0).random((200, len(space.names)))]
    assert all(map(space.contains, points)) and all(map(space.accepts, points))


@pytest.mark.parametrize(
    ("train", "words"),
    [
        ({"learning_rat": {"uniform": [0.1, 0.2]}}, r"(?s)no setting `train.learning_rat`.*`learning_rate`"),
        (
            {"learning_rate": {"log_uniform": [0, 0.1]}},
            r"search.train.learning_rate: log_uniform begins at 0",
        ),
        ({"learning_rate": {"uniform": [0.2, 0.1]}}, r"\[0.2, 0.1\] is empty"),
        ({"learning_rate": {"uniform": [0.2, 0.2]}}, r"is empty"),
        ({"learning_rate": {"uniform": [0.1, float("nan")]}}, r"nan is not finite"),
        ({"learning_rate": {"uniform": [0.1]}}, r"\[0.1\] is not \[low, high\]"),
        ({"learning_rate": {"uniform": ["a", 1]}}, r"'a' is not a number"),
        ({"learning_rate": {"unifrom": [0.1, 0.2]}}, r"has not one kind of range"),
        ({"learning_rate": {"uniform": [0.1, 0.2], "choices": [1]}}, r"has not one kind of range"),
        ({"learning_rate": {"uniform": [0.1, 0.2], "wen": {}}}, r"(?s)has no `wen`.*Did you mean `when`"),
        ({"learning_rate": {"uniform": [0.1, 0.9]}}, r"cannot be 0.9: .*less than or equal to 0.5"),
        ({"dimensions": {"integer": [1.5, 4]}}, r"1.5 is not a whole number"),
        ({"dimensions": {"choices": []}}, r"\[\] is not a list of values"),
        ({"dimensions": {"choices": [8, "many"]}}, r"cannot be 'many'"),
        ({"dimensions": {"choices": [8, 8]}}, r"8 is there twice"),
        (
            {"dimensions": {"integer": [1, 4], "when": {"train.epoch": [3]}}},
            r"(?s)no setting.*`train.epochs`",
        ),
        ({"dimensions": {"integer": [1, 4], "when": ["train.epochs"]}}, r"is not a mapping"),
        ({}, r"There is nothing to search"),
        ({"dimensions": None}, r"There is nothing to search"),
        ([1], r"search.train: \[1\] is not a mapping"),
    ],
)
def test_mistakes_are_named_with_their_setting_and_a_cure(train: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        parse(RATINGS, train)


def test_all_mistakes_come_at_once() -> None:
    wrong = {"learning_rat": {}, "dimensions": {"integer": [4, 1]}, "embedding_l2": {"uniform": [-1, 0]}}
    settings = load_settings(RATINGS).model_dump(mode="json")
    with pytest.raises(InputError) as caught:
        Space.parse({"train": wrong, "trian": {}, "data": {}}, RATINGS, settings)
    text = str(caught.value)
    assert "5 things are wrong" in text and "Did you mean `train`?" in text
    for name in ("learning_rat", "dimensions", "embedding_l2", "`data` cannot be searched"):
        assert name in text


@pytest.mark.parametrize(
    ("when", "words"),
    [
        ({"train.encoder": ["bm52"]}, "`train.encoder` is never 'bm52'"),
        ({"train.b": [0.5]}, "needs one value of the range `train.b`"),
        ({"train.k1": [1]}, "needs one value of the range `train.k1`"),
    ],
)
def test_condition_that_cannot_hold_is_refused(when: Any, words: str) -> None:
    train = {**ENCODERS, "b": {"uniform": [0, 1]}, "k1": {"uniform": [0.4, 2.0], "when": when}}
    with pytest.raises(InputError, match=words):
        parse(TEXT, train)


def test_conditions_in_a_circle_are_refused() -> None:
    circle = {
        "encoder": {"choices": ["bm25", "lsa"], "when": {"train.fusion": ["rrf"]}},
        "fusion": {"choices": ["rrf", "score"], "when": {"train.encoder": ["lsa"]}},
    }
    with pytest.raises(InputError, match="go in a circle"):
        parse(TEXT, circle)


def test_parameter_is_there_only_while_its_condition_holds() -> None:
    space = parse(TEXT, ENCODERS)
    assert space.names[0] == "train.encoder"
    points = [space.point(units) for units in np.random.default_rng(0).random((100, 3))]
    for point in points:
        assert space.contains(point) and tuple(point) == space.active(point)
        assert ("train.k1" in point) == (point["train.encoder"] != "lsa")
        assert ("train.fusion" in point) == (point["train.encoder"] == "fused")
    assert len({tuple(point) for point in points}) == 3
    assert not space.contains({"train.encoder": "lsa", "train.k1": 1.0})
    assert not space.contains({"train.encoder": "bm25"})
    assert not space.contains({"train.encoder": "bm25", "train.k1": 3.0})


def test_condition_on_a_setting_that_is_not_searched_goes_by_its_value() -> None:
    train = {**ENCODERS, "encoder": None}
    assert parse(TEXT, train, "train.encoder=bm25").names == ("train.k1",)
    assert set(parse(TEXT, train, "train.encoder=fused").names) == {"train.k1", "train.fusion"}


def test_condition_on_what_is_left_out_does_not_hold() -> None:
    train = {
        "fusion": {"choices": ["score", "rrf"], "when": {"train.encoder": ["fused"]}},
        "k1": {"uniform": [0.4, 2.0], "when": {"train.fusion": ["score"]}},
        "b": {"uniform": [0, 1]},
    }
    assert parse(TEXT, train, "train.encoder=lsa").names == ("train.b",)


def test_points_that_differ_only_in_what_is_inactive_lie_in_one_place() -> None:
    space = parse(TEXT, ENCODERS)
    column = {name: i for i, name in enumerate(space.names)}
    units = np.random.default_rng(0).random((50, 3))
    units[:, column["train.encoder"]] = 0.5  # lsa
    assert len(np.unique(space.snap(units), axis=0)) == 1
    np.testing.assert_allclose(space.snap(units)[0], space.unit({"train.encoder": "lsa"}))


def test_snapped_places_are_those_of_their_points() -> None:
    space = parse(TEXT, ENCODERS)
    units = np.random.default_rng(1).random((50, 3))
    for row in space.snap(units):
        np.testing.assert_allclose(row, space.unit(space.point(row)), atol=5e-6)


def test_settings_of_a_point_leave_the_base_as_it_is() -> None:
    base = load_settings(TEXT).model_dump(mode="json")
    space = parse(TEXT, {"fuse": {"choices": [["bm25", "lsa"], ["lsa", "tfidf"]]}})
    changed = space.settings(base, {"train.fuse": ["lsa", "tfidf"]})
    assert changed["train"]["fuse"] == ["lsa", "tfidf"] and base["train"]["fuse"] == ["bm25", "lsa"]
    changed["train"]["fuse"].append("bm25")
    assert space.parameters[0].dimension.at(1.0) == ["lsa", "tfidf"]


def test_choices_may_fit_only_together() -> None:
    train = {
        "fuse": {"choices": [["bm25", "lsa"], ["bm25", "lsa", "tfidf"]]},
        "weights": {"choices": [[1, 1], [1, 1, 1]]},
    }
    space = parse(TEXT, train)
    accepted = [point for point in space.points() if space.accepts(point)]
    assert [len(point["train.fuse"]) for point in accepted] == [2, 3]


def test_space_without_any_point_that_the_settings_accept_is_refused() -> None:
    train = {"learning_rate": {"uniform": [0.4, 0.5]}}
    with pytest.raises(InputError, match=r"refuse every point.*learning_rate \* bias_damping"):
        parse(RATINGS, train, "train.learning_rate=0.03", "train.bias_damping=10")


def test_every_point_of_a_finite_space_comes_once() -> None:
    space = Space(
        (
            Parameter("a", Choice(("x", "y"))),
            Parameter("n", Number(1, 3, integer=True), when=(("a", ("y",)),)),
        )
    )
    assert space.finite
    assert list(space.points()) == [{"a": "x"}, {"a": "y", "n": 1}, {"a": "y", "n": 2}, {"a": "y", "n": 3}]
    assert not Space((Parameter("u", Number(0.0, 1.0)),)).finite


def test_space_goes_to_another_process_as_it_is() -> None:
    space = parse(RATINGS, {"learning_rate": {"log_uniform": [0.01, 0.5]}})
    copy = pickle.loads(pickle.dumps(space))
    assert copy.names == space.names and copy.default == space.default
    assert not copy.accepts({"train.learning_rate": 0.5}) and copy.accepts({"train.learning_rate": 0.4})
