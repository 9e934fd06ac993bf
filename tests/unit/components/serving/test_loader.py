from __future__ import annotations

import threading

import pytest

from components.errors import LodestarError
from components.serving.errors import Code, ServingError
from components.serving.loader import Loader
from components.serving.memory import Memory


class Flaky:
    """Fails a number of times, then works."""

    def __init__(self, failures):
        self.failures = failures
        self.calls = 0

    def __call__(self, path):
        self.calls += 1
        if self.calls <= self.failures:
            raise ValueError(f"attempt {self.calls}")
        return "a servable"


def load(tmp_path, flaky, cancelled=None, verify=lambda path: None, **settings):
    loader = Loader(verify, flaky, Memory(), **settings)
    return loader("m", 1, tmp_path, cancelled or threading.Event())


def test_load_is_tried_again_as_often_as_told(tmp_path):
    flaky = Flaky(failures=2)
    assert load(tmp_path, flaky, retries=2) == "a servable"
    assert flaky.calls == 3


def test_last_failure_is_the_reason(tmp_path):
    flaky = Flaky(failures=9)
    with pytest.raises(ValueError, match="attempt 3"):
        load(tmp_path, flaky, retries=2)


def test_refused_version_is_not_tried_again(tmp_path):
    def verify(path):
        raise LodestarError("Refused.")

    flaky = Flaky(failures=0)
    with pytest.raises(LodestarError):
        load(tmp_path, flaky, verify=verify, retries=5, retry_seconds=60)
    assert flaky.calls == 0


def test_version_that_is_taken_back_is_not_waited_for(tmp_path):
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(ServingError) as caught:
        load(tmp_path, Flaky(failures=9), cancelled, retries=5, retry_seconds=3600)
    assert caught.value.code is Code.CANCELLED
