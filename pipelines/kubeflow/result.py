"""The line with which a step says what came of it; `lodestar status` reads it from the step's pod."""

from __future__ import annotations

from pipelines.status import State

_WORDS = {
    State.DONE: "done",
    State.REUSED: "cached: an earlier run's outputs are re-used",
    State.SKIPPED: "skipped: its condition does not hold",
}


def result_line(node: str, state: State, made: str) -> str:
    """Return the line of a node that has ended well; `made` says what it made, and may be empty."""
    return f"{node}: {_WORDS[state]}" + (f"; {made}" if made else "")


def parse_result(node: str, text: str) -> tuple[State, str] | None:
    """Return the state and what was made; None when `text` is no such line of this node."""
    for state in _WORDS:
        start = result_line(node, state, "")
        if text == start or text.startswith(f"{start}; "):
            return state, text[len(start) :].removeprefix("; ")
    return None
