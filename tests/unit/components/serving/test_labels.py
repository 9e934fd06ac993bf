from __future__ import annotations

from pathlib import Path

import pytest

from components.serving.config import ModelConfig
from components.serving.errors import Code, ServingError
from components.serving.labels import assign, resolve


def model(**labels):
    return ModelConfig("m", Path("/m"), labels=labels)


def test_label_of_a_version_that_serves_is_assigned():
    assert assign([model(stable=4)], lambda name: {4}, {}) == {"m": {"stable": 4}}


def test_label_of_a_version_that_does_not_serve_is_refused():
    with pytest.raises(ServingError) as caught:
        assign([model(stable=5)], lambda name: {4}, {"m": {"stable": 4}})
    assert caught.value.code is Code.FAILED_PRECONDITION
    assert caught.value.message == (
        "Request to assign label to version 5 of model m, which is not currently available for inference"
    )


@pytest.mark.parametrize("before", [{}, {"m": {"stable": 5}}, {"m": {"canary": 4}}, {"n": {"stable": 4}}])
def test_unused_label_may_go_ahead_of_its_version_where_that_is_allowed(before):
    assigned = assign([model(stable=5)], lambda name: (), before, allow_unused=True)
    assert assigned == {"m": {"stable": 5}}


def test_label_in_use_never_moves_ahead_of_its_version():
    with pytest.raises(ServingError):
        assign([model(stable=5)], lambda name: {4}, {"m": {"stable": 4}}, allow_unused=True)


def test_any_label_moves_where_that_is_forced():
    assigned = assign([model(stable=5)], lambda name: {4}, {"m": {"stable": 4}}, allow_any=True)
    assert assigned == {"m": {"stable": 5}}


def test_labels_that_are_not_listed_any_more_are_gone():
    assert assign([model()], lambda name: {4}, {"m": {"stable": 4}}) == {}


@pytest.mark.parametrize(("name", "label"), [("m", "x"), ("x", "stable"), ("m", "")])
def test_unknown_label_is_refused(name, label):
    with pytest.raises(ServingError) as caught:
        resolve({"m": {"stable": 4}}, name, label)
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert caught.value.message == f"Unrecognized servable version label: {label}"
