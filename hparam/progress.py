"""One line for everything that happens to a sweep, for logs and pipes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hparam.trials import Sweep, Trial, TrialState


class EventLines:
    """Says what has changed since it was last called."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._before: Sweep | None = None

    def __call__(self, sweep: Sweep) -> None:
        """Print a line for every trial whose state is another, and for what changed of the sweep."""
        for line in _lines(self._before, sweep):
            self._say(line)
        self._before = sweep


def describe_trial(trial: Trial, sweep: Sweep) -> str:
    """Return in a line how far a trial is and what came of it."""
    head = f"trial {trial.number:>3}  {trial.state.value.lower():<9}"
    if trial.state is TrialState.RUNNING:
        return f"{head}  {describe_params(trial)}"
    if trial.state is TrialState.SUCCEEDED:
        best = sweep.best
        mark = "  best so far" if best is not None and best.number == trial.number else ""
        return f"{head}  {sweep.spec.metric} {trial.value:.6g}{mark}"
    if trial.state is TrialState.STOPPED and trial.value is not None:
        return f"{head}  {sweep.spec.metric} {trial.value:.6g} at step {trial.step}: {trial.reason}"
    return f"{head}  {trial.reason}{': ' if trial.message else ''}{trial.message}".rstrip()


def describe_params(trial: Trial) -> str:
    """Return a trial's point as `name=value` words, floats in six digits."""
    return " ".join(
        f"{name}={value:.6g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in trial.params.items()
    )


def describe_end(sweep: Sweep) -> str:
    """Return in a line how a sweep stands or ended, and its best trial."""
    counts = ", ".join(
        f"{len(found)} {state.value.lower()}" for state in TrialState if (found := sweep.in_state(state))
    )
    best = sweep.best
    result = f"best {sweep.spec.metric} {best.value:.6g} (trial {best.number})" if best else "no result yet"
    return f"{result}; {counts or 'no trials'}"


def _lines(before: Sweep | None, sweep: Sweep) -> Iterator[str]:
    if before is None:
        yield f"sweep {sweep.spec.name}: {describe_end(sweep)}"
        return
    known = before.trials
    for trial in sweep.trials:
        old = known[trial.number] if trial.number < len(known) else None
        if trial.state is TrialState.PENDING and trial.attempt == 0:
            continue
        if old is None or (old.state, old.attempt) != (trial.state, trial.attempt):
            yield describe_trial(trial, sweep)
    for name in ("paused", "draining"):
        if getattr(sweep, name) != getattr(before, name):
            yield f"sweep {sweep.spec.name}: {name if getattr(sweep, name) else f'no longer {name}'}"
    if sweep.budget != before.budget:
        yield f"sweep {sweep.spec.name}: now {sweep.budget.trials} trials, {sweep.budget.parallel} at a time"
    if sweep.ended and not before.ended:
        yield f"sweep {sweep.spec.name} ended: {sweep.ended}; {describe_end(sweep)}"
