"""Follow a run on the terminal: a line for every step that ends or has to wait, until the run has ended."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timezone

from pipelines.kubeflow.connection import Unreachable
from pipelines.status import State, Status
from pipelines.terminal import NodeLines

_POLL_SECONDS = 2.0
# A cluster may be away for a while (an upgrade, a laptop that sleeps); the run does not care.
_PATIENCE_SECONDS = 300.0


def watch(
    read: Callable[[], Status],
    lines: NodeLines,
    quiet: bool = False,
    sleep: Callable[[float], None] = time.sleep,
) -> Status:
    """Return the status of a run when it has ended; print what happens until then.

    Args:
        read: Reads the run.
        lines: Where to print.
        quiet: Print nothing.
        sleep: Waits some seconds.

    Raises:
        Unreachable: The cluster was away for five minutes.
    """
    seen: dict[str, tuple[State, str]] = {}
    away = 0.0
    with ExitStack() as busy:
        while True:
            try:
                status = read()
                away = 0.0
            except Unreachable:
                away += _POLL_SECONDS
                if away >= _PATIENCE_SECONDS:
                    raise
                sleep(_POLL_SECONDS)
                continue
            news = [part for part in status.parts if seen.get(part.name) != (part.state, part.why)]
            if news:
                busy.close()
                seen.update({part.name: (part.state, part.why) for part in news})
                if not quiet:
                    _tell(news, lines)
            if status.state.final:
                return status
            if news and not quiet:
                busy.enter_context(lines.busy(_doing(status)))
            sleep(_POLL_SECONDS)


def _tell(news: list[Status], lines: NodeLines) -> None:
    for part in news:
        if part.state.final or (part.state is State.PENDING and part.why):
            lines.say(step_line(part, datetime.now(timezone.utc)))


def _doing(status: Status) -> str:
    active = [part.name for part in status.parts if part.state in (State.RUNNING, State.PENDING)]
    return ", ".join(active) or "waiting for the next step"


def step_line(step: Status, now: datetime) -> str:
    """Return the line of one step: name, state, seconds, what it waits for or why it failed."""
    seconds = step.seconds(now)
    spent = "" if seconds is None else f"{seconds:.1f} s"
    line = f"  {step.name:<17}{step.state.value:<10}{spent:>9}"
    if "\n" not in step.why:
        return f"{line}  {step.why}".rstrip()
    return "\n".join([line, *(f"    {text}" for text in step.why.splitlines())])


def interrupted(name: str) -> None:
    """Say that a run goes on although its watcher was interrupted."""
    print(
        f"\nThe run goes on: `lodestar status {name}` shows it, `lodestar terminate {name}` ends it.",
        file=sys.stderr,
    )
