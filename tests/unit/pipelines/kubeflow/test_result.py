"""What a step says on its last line is what `lodestar status` makes of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.kubeflow.failure import leave_message
from pipelines.kubeflow.result import parse_result, result_line
from pipelines.status import State

GOOD = st.sampled_from([State.DONE, State.REUSED, State.SKIPPED])
LINE = st.text(st.characters(blacklist_categories=["Cc", "Cs"]), max_size=30)


@given(node=st.from_regex(r"[A-Za-z_]\w*", fullmatch=True), state=GOOD, made=LINE)
def test_line_is_read_back(node: str, state: State, made: str) -> None:
    assert parse_result(node, result_line(node, state, made)) == (state, made)


@pytest.mark.parametrize("text", ["", "Trainer: donee", "Pusher: done", "OOMKilled", "Trainer failed: no."])
def test_other_texts_are_no_result_of_the_step(text: str) -> None:
    assert parse_result("Trainer", text) is None


def test_message_is_left_where_the_container_says_and_nowhere_else(tmp_path, monkeypatch) -> None:
    log = tmp_path / "log"
    monkeypatch.setenv("LODESTAR_TERMINATION_LOG", str(log))
    leave_message("Trainer: done")
    assert not log.exists()
    log.touch()
    leave_message("x" * 5000 + "Trainer: done")
    assert log.read_text() == "x" * (4096 - 13) + "Trainer: done"
