"""Watch what running trials report, and say which of them are to end now."""

from __future__ import annotations

import math
from collections.abc import Sequence

from components.trial import VALUES
from hparam.folder import SweepFolder
from hparam.outcome import read_values
from hparam.stopping import Curve, Curves, rule_of
from hparam.trials import Sweep, Trial, TrialState
from hparam.verdict import Verdict, non_finite


class Watch:
    """Reads the values that trials report. Every step that is due is looked at once, in order.

    What has been reported already was looked at by the controller before this one, when less was known.

    Args:
        folder: The sweep's.
        sweep: As this controller finds it.
    """

    def __init__(self, folder: SweepFolder, sweep: Sweep) -> None:
        self._folder = folder
        self._rule = rule_of(sweep.spec.stopping)
        self._read: dict[tuple[int, int], tuple[int, list[tuple[int, float]]]] = {}
        self._looked = {
            (trial.number, trial.attempt): max(step for step, _ in values)
            for trial in sweep.in_state(TrialState.RUNNING)
            if (values := self._values(trial))
        }

    def look(self, sweep: Sweep) -> tuple[Trial, Verdict] | None:
        """Return the first running trial that is to be ended, and how; None when all may go on."""
        for trial in sweep.in_state(TrialState.RUNNING):
            found = self._look_at(sweep, trial)
            if found is not None:
                return trial, found
        return None

    def stopped(self, sweep: Sweep, trial: Trial, reason: str, message: str) -> Verdict:
        """Return the record of a trial that is stopped where it is now.

        Its best value goes with it, as `metrics`: the values on disk may grow until the run has ended.
        """
        values = [(step, value) for step, value in self._values(trial) if math.isfinite(value)]
        said = {"reason": reason, "message": message}
        if not values:
            return Verdict("stopped", {**said, "step": None, "value": None})
        step, value = values[-1]
        best = min((value for _, value in values), key=sweep.loss)
        return Verdict(
            "stopped", {**said, "step": step, "value": value, "metrics": {sweep.spec.metric: best}}
        )

    def _look_at(self, sweep: Sweep, trial: Trial) -> Verdict | None:
        values = self._values(trial)
        for step, value in values:
            if not math.isfinite(value):
                return non_finite(step, value)
        if self._rule is None:
            return None
        run = (trial.number, trial.attempt)
        curve = _curve(sweep, values)
        for step in self._rule.due(curve):
            if step <= self._looked.get(run, -1):
                continue
            self._looked[run] = step
            message = self._rule.hopeless(curve, step, self._curves(sweep, trial))
            if message:
                return self.stopped(sweep, trial, sweep.spec.stopping.rule, message)
        return None

    def _curves(self, sweep: Sweep, but: Trial) -> Curves:
        succeeded: list[Curve] = []
        others: list[Curve] = []
        for trial in sweep.trials:
            if trial.number == but.number or trial.started is None:
                continue
            curve = _curve(sweep, self._values(trial))
            (succeeded if trial.state is TrialState.SUCCEEDED else others).append(curve)
        return Curves(succeeded, others)

    def _values(self, trial: Trial) -> list[tuple[int, float]]:
        run = (trial.number, trial.attempt)
        folder = self._folder.trial(*run)
        try:
            size = (folder / VALUES).stat().st_size
        except FileNotFoundError:
            return []
        if run not in self._read or self._read[run][0] != size:
            self._read[run] = (size, read_values(folder))
        return self._read[run][1]


def _curve(sweep: Sweep, values: Sequence[tuple[int, float]]) -> Curve:
    return [(step, sweep.loss(value)) for step, value in values if math.isfinite(value)]
