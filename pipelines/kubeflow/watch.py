"""Follow a run on the terminal: a line for every step that ends or has to wait, until the run has ended."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timezone

from pipelines.kubeflow.connection import Unreachable
from pipelines.kubeflow.session import Session
from pipelines.status import State, Status
from pipelines.terminal import NodeLines, print_json

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
            news = [part for part in status.parts if _is_news(part, seen.get(part.name))]
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


def _is_news(part: Status, last: tuple[State, str] | None) -> bool:
    # A step ends once: what its pod said is lost when the pod is deleted.
    return last is None or (not last[0].final and last != (part.state, part.why))


def _tell(news: list[Status], lines: NodeLines) -> None:
    for part in news:
        if part.state.final or (part.state is State.PENDING and part.why):
            lines.say(step_line(part, datetime.now(timezone.utc)))


def _doing(status: Status) -> str:
    active = [part.name for part in status.parts if part.state in (State.RUNNING, State.PENDING)]
    return ", ".join(active) or "waiting for the next step"


def step_line(step: Status, now: datetime) -> str:
    """Return the line of one step: name, state, seconds, what it made, waits for or failed with."""
    seconds = step.seconds(now)
    spent = "" if seconds is None else f"{seconds:.1f} s"
    line = f"  {step.name:<17}{step.state.value:<10}{spent:>9}"
    if "\n" not in step.why:
        return f"{line}  {step.why or step.made}".rstrip()
    return "\n".join([line, *(f"    {text}" for text in step.why.splitlines())])


def print_started(status: Status, output: str) -> int:
    """Print a run that has just been started, and what to type next; return 0."""
    if output == "json":
        print_json(status.as_json(datetime.now(timezone.utc)))
    else:
        print(f"run   {status.name} ({status.id})")
        print(f"next  `lodestar status {status.name} --watch`, `lodestar logs {status.name} --follow`")
    return 0


def follow_run(session: Session, started: Status, output: str) -> int:
    """Follow a run to its end, print how it ended, and return its exit code."""
    lines = NodeLines(sys.stderr if output == "json" else sys.stdout)
    quiet = output == "json"
    if not quiet:
        lines.say(f"run {started.name} ({started.id})")
    try:
        ended = watch(lambda: session.client.status(started.id), lines, quiet)
    except KeyboardInterrupt:
        print(
            f"\nThe run goes on: `lodestar status {started.name}`, `lodestar terminate {started.name}`.",
            file=sys.stderr,
        )
        raise
    if quiet:
        print_json(ended.as_json(datetime.now(timezone.utc)))
    else:
        _print_end(ended)
    return ended.exit_code


def print_run(session: Session, status: Status, output: str) -> int:
    """Print a run with a line per step, and return its exit code."""
    now = datetime.now(timezone.utc)
    if output == "json":
        print_json(status.as_json(now))
        return status.exit_code
    print(f"run {status.name} ({status.id})")
    for step in status.parts:
        print(step_line(step, now))
    if session.workflows is None or session.workflows.problem:
        problem = session.workflows.problem if session.workflows else "there is no kubeconfig"
        print(f"note  what pods wait for is not shown: {problem}", file=sys.stderr)
    _print_end(status)
    return status.exit_code


def _print_end(status: Status) -> None:
    seconds = status.seconds(datetime.now(timezone.utc))
    print(f"{status.state.value} after {seconds or 0:.0f} s")
    if status.why:
        print(status.why)
    print(f"next  {_next(status)}")


def _next(status: Status) -> str:
    if not status.state.final:
        return f"`lodestar status {status.name} --watch`, `lodestar logs {status.name} --follow`"
    if status.state.good:
        return "`lodestar list` shows the version that is live"
    failed = next((step.name for step in status.parts if step.state is State.FAILED), None)
    logs = f"`lodestar logs {status.name} --step {failed}`, then " if failed else ""
    return f"{logs}`lodestar resume {status.name}`"
