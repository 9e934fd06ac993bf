from __future__ import annotations

import pytest

from components.serving.errors import HTTP_STATUS, Code
from components.serving.status import Event


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (Event("loaded", "text-search", 3, "in 1.2 s"), "loaded text-search version 3 in 1.2 s"),
        (Event("unloaded", "text-search", 2), "unloaded text-search version 2"),
        (
            Event("waiting", detail="for a first model under /models"),
            "waiting for a first model under /models",
        ),
        (Event("stopped"), "stopped"),
    ],
)
def test_event_is_a_line_for_the_terminal(event, line):
    assert str(event) == line


def test_every_code_has_an_http_status():
    assert HTTP_STATUS.keys() == set(Code)
