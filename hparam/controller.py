"""The controller of a sweep: one loop whose every decision is in the journal before it acts on it.

A turn applies requests, fills every free slot, and records at most one trial that has ended, the lowest
number first. So what is proposed follows from the journal alone, and a controller that takes over where
another was killed goes on as that one would have.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from components.errors import LodestarError
from hparam.control import KEYS, Control
from hparam.executors import Executor
from hparam.folder import SweepFolder, parse_run_name, run_name
from hparam.journal import Clock, Journal
from hparam.limits import End, limit_reached, nothing_left
from hparam.lock import Lock
from hparam.proposer import Proposer
from hparam.request import TrialRequest
from hparam.space import Space
from hparam.told import Told, proposed
from hparam.trials import Sweep, Trial, TrialState
from hparam.verdict import verdict
from hparam.watch import Watch

POLL_SECONDS = 0.1
_CHANGES = ("trials", "parallel", "paused", "draining")
_LOG = logging.getLogger(__name__)


@dataclass
class Controller:
    """Runs a sweep to its end; `hparam.run.run_sweep` puts it together.

    Attributes:
        folder: The sweep's.
        journal: Open for writing; only under the lock.
        executor: Where trials run.
        space: Of the sweep.
        proposer: Finds the points.
        lock: Held. Once it is lost nothing more is written or started.
        controls: Where requests arrive.
        observe: Called with the sweep as it was found, and after every record.
        clock: Unix time.
        sleep: Waits for seconds.
        interrupted: Whether to return now and leave the trials to the next controller.
        name: What the journal calls this controller.
    """

    folder: SweepFolder
    journal: Journal
    executor: Executor
    space: Space
    proposer: Proposer
    lock: Lock
    controls: Sequence[Control]
    observe: Callable[[Sweep], None]
    clock: Clock
    sleep: Callable[[float], None]
    interrupted: Callable[[], bool]
    name: str
    _watch: Watch = field(init=False)
    _exhausted: str = field(init=False, default="")

    def __post_init__(self) -> None:
        self._watch = Watch(self.folder, self.journal.sweep)

    @property
    def sweep(self) -> Sweep:
        """Return the sweep as it is in the journal."""
        return self.journal.sweep

    def run(self) -> Sweep:
        """Run the sweep until it ends or this controller is interrupted, and return it.

        Raises:
            LodestarError: The lock was lost, the journal cannot be written, or no trial can be started.
        """
        self.observe(self.sweep)
        if self.sweep.ended == "error":
            self._append("changed")
        if self.sweep.ended:
            self._take_requests()
        if self.sweep.ended:
            return self.sweep
        self._append("opened", controller=self.name)
        self._reconcile()
        while not (self.sweep.ended or self.interrupted()):
            self._take_requests()
            self._fill()
            if not (self._end() or self._record_one()):
                self.sleep(POLL_SECONDS)
        return self.sweep

    def _append(self, event: str, **fields: Any) -> None:
        self._check_lock()
        self.observe(self.journal.append(event, **fields))

    def _check_lock(self) -> None:
        if not self.lock.held:
            raise LodestarError(
                "Another controller may have taken over this sweep; this one ends without a trace.",
                cure=f"Follow the other: `lodestar sweep status {self.sweep.spec.name} --watch`.",
            )

    def _reconcile(self) -> None:
        going = {(t.number, t.attempt) for t in self.sweep.trials if not self.sweep.is_final(t)}
        for name, seen in self.executor.observe().items():
            run = parse_run_name(self.sweep.spec.name, name)
            if run is None or run in going:
                continue
            if run[0] >= len(self.sweep.trials):
                # The journal was cut off or restored; what this run has left is no other trial's.
                self._stop(name)
                shutil.rmtree(self.folder.trial(*run), ignore_errors=True)
            elif not seen.ended:
                self._stop(name)

    def _take_requests(self) -> None:
        for control in self.controls:
            for change in control.take():
                try:
                    self._apply(change)
                except (ValueError, TypeError) as error:
                    _LOG.warning("The request %s is ignored: %s", dict(change), error)

    def _apply(self, change: Mapping[str, Any]) -> None:
        if unknown := sorted(set(change) - set(KEYS)):
            raise ValueError(f"{', '.join(unknown)} cannot be changed")
        again = self._ended_trial(change["retry"]) if "retry" in change else None
        limits = {key: change[key] for key in _CHANGES if key in change}
        if self.sweep.ended and self.sweep.draining:
            limits.setdefault("draining", False)
        if limits or (again is not None and self.sweep.ended):
            self._append("changed", **limits)
        if again is not None:
            proposer = {"k": None, "strategy": "retry", "fallback": False, "retry_of": again.number}
            self._append(
                "proposed", trial=len(self.sweep.trials), params=dict(again.params), proposer=proposer
            )
        if change.get("stopping") and not self.sweep.ended:
            self._finish(End("stopped", "it was asked to end at once"))

    def _ended_trial(self, number: Any) -> Trial:
        if not isinstance(number, int) or not 0 <= number < len(self.sweep.trials):
            raise ValueError(f"there is no trial {number!r}")
        trial = self.sweep.trials[number]
        if not self.sweep.is_final(trial):
            raise ValueError(f"trial {number} has not ended")
        return trial

    def _fill(self) -> None:
        while not (self.sweep.ended or self.interrupted()):
            for lost in self.sweep.in_state(TrialState.LOST):
                if not self.sweep.is_final(lost):
                    self._append("retried", trial=lost.number, attempt=lost.attempt + 1)
            free = self.sweep.budget.parallel - len(self.sweep.in_state(TrialState.RUNNING))
            if free <= 0 or self.sweep.paused or self.sweep.draining:
                return
            if limit_reached(self.sweep, self.clock()) is not None:
                return
            waiting = self.sweep.in_state(TrialState.PENDING)
            if waiting:
                self._launch(waiting[0])
            elif not self._propose():
                return

    def _propose(self) -> bool:
        if self._exhausted or proposed(self.sweep) >= self.sweep.budget.trials:
            return False
        told = Told.of(self.sweep)
        try:
            found = self.proposer.propose(told.k, told.finished, told.running)
        except LodestarError as error:
            self._exhausted = error.problem
            return False
        proposer = {"k": told.k, "strategy": found.strategy, "fallback": found.fallback}
        self._append("proposed", trial=len(self.sweep.trials), params=dict(found.params), proposer=proposer)
        return True

    def _launch(self, trial: Trial) -> None:
        spec = self.sweep.spec
        run = self.folder.trial(trial.number, trial.attempt)
        request = TrialRequest(
            sweep=spec.name,
            trial=trial.number,
            attempt=trial.attempt,
            family=spec.family,
            metric=spec.metric,
            higher_is_better=spec.higher_is_better,
            params=dict(trial.params),
            settings=self.space.settings(spec.settings, trial.params),
            inputs=spec.inputs,
        )
        self._check_lock()
        try:
            request.write(run)
            self.executor.launch(run_name(spec.name, trial.number, trial.attempt), run)
        except (LodestarError, OSError) as error:
            message = error.problem if isinstance(error, LodestarError) else str(error)
            self._append("ended", reason="error", message=message)
            raise
        self._append("started", trial=trial.number, attempt=trial.attempt)

    def _record_one(self) -> bool:
        seen = self.executor.observe()
        for trial in self.sweep.in_state(TrialState.RUNNING):
            name = run_name(self.sweep.spec.name, trial.number, trial.attempt)
            found = verdict(seen.get(name), self.folder.trial(trial.number, trial.attempt))
            if found is not None:
                self._append(found.event, trial=trial.number, attempt=trial.attempt, **found.fields)
                return True
        ending = self._watch.look(self.sweep)
        if ending is None:
            return False
        trial, found = ending
        self._append(found.event, trial=trial.number, attempt=trial.attempt, **found.fields)
        self._stop(run_name(self.sweep.spec.name, trial.number, trial.attempt))
        return True

    def _end(self) -> bool:
        end = limit_reached(self.sweep, self.clock()) or nothing_left(self.sweep, self._exhausted)
        if end is not None and not self.sweep.ended:
            self._finish(end)
        return bool(self.sweep.ended)

    def _finish(self, end: End) -> None:
        for trial in self.sweep.in_state(TrialState.RUNNING):
            stopped = self._watch.stopped(self.sweep, trial, end.reason, end.message)
            self._append(stopped.event, trial=trial.number, attempt=trial.attempt, **stopped.fields)
            self._stop(run_name(self.sweep.spec.name, trial.number, trial.attempt))
        self._append("ended", reason=end.reason, message=end.message)

    def _stop(self, name: str) -> None:
        self._check_lock()
        self.executor.stop(name)
