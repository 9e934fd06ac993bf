"""What a family's `run_fn` sees of a sweep: whether it is a trial of one, and where it reports.

<folder>/values.jsonl   the sweep's metric after each step, a line each
<folder>/result.json    the metrics at the end
<folder>/tensorboard    the same for TensorBoard, with the trial's settings
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.errors import InputError, NonFiniteError

if TYPE_CHECKING:
    from components.trial_board import TrialBoard

KEY = "trial"
VALUES, RESULT, BOARD = "values.jsonl", "result.json", "tensorboard"
_LOG = logging.getLogger(__name__)


@dataclass
class Trial:
    """A `run_fn`'s part in a sweep.

    One that is active reports how good its settings are on a held-out part of the train split, and exports
    nothing. Outside of sweeps nothing is reported.

    Attributes:
        folder: Where it reports; None outside of sweeps.
        metric: What the sweep optimises.
        params: The trial's point, dotted setting -> value.
        name: What TensorBoard calls it.
        clock: Seconds, never going back.
    """

    folder: Path | None = None
    metric: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    clock: Callable[[], float] = time.monotonic
    _stage: tuple[str, float] | None = field(default=None, init=False)
    _board: TrialBoard | None = field(default=None, init=False)

    @classmethod
    def of(cls, fn_args: Any) -> Trial:
        """Return the trial that `custom_config["trial"]` describes; without it one that is not active."""
        given = (fn_args.custom_config or {}).get(KEY)
        if not given:
            return cls()
        return cls(Path(given["folder"]), given["metric"], given["params"], given["name"])

    def config(self) -> dict[str, Any]:
        """Return what `of` makes the same trial of, as JSON values."""
        return {
            "folder": str(self.folder),
            "metric": self.metric,
            "params": {**self.params},
            "name": self.name,
        }

    @property
    def active(self) -> bool:
        """Return whether `run_fn` is to report how good its settings are, and to export nothing."""
        return self.folder is not None

    def stage(self, name: str) -> None:
        """Log how long the stage before took, and begin the stage `name`, such as `reading`."""
        if not self.active:
            return
        now = self.clock()
        if self._stage is not None:
            _LOG.info("%s took %.2f s", self._stage[0], now - self._stage[1])
        self._stage = (name, now)

    def report(self, step: int, metrics: Mapping[str, float]) -> None:
        """Report the metrics after a step; of a step that is reported again the last values count.

        Raises:
            NonFiniteError: The sweep's metric is not a finite number, so that the trial is over.
            InputError: It is not among `metrics`.
        """
        if self.folder is None:
            return
        line = json.dumps({"step": step, "value": self._value(step, metrics)})
        with (self.folder / VALUES).open("ab+") as file:
            # A process that was cut off may have left half a line.
            end = file.seek(0, 2)
            file.seek(max(0, end - 1))
            torn = file.read(1) not in (b"", b"\n")
            file.write(f"{chr(10) if torn else ''}{line}\n".encode())
        self._board_of(self.folder).add(step, metrics)

    def finish(self, step: int, metrics: Mapping[str, float]) -> None:
        """Say what the trial came to: the metrics that its settings are judged by, and their step.

        Raises:
            NonFiniteError: As `report`.
            InputError: As `report`.
        """
        if self.folder is None:
            return
        value = self._value(step, metrics)
        numbers = {name: float(number) for name, number in metrics.items()}
        self._board_of(self.folder).close(step, metrics)
        aside = (self.folder / RESULT).with_suffix(".tmp")
        aside.write_text(json.dumps({"step": step, "value": value, "metrics": numbers}), encoding="utf-8")
        aside.replace(self.folder / RESULT)
        self.stage("the end")

    def _value(self, step: int, metrics: Mapping[str, float]) -> float:
        if self.metric not in metrics:
            raise InputError(
                f"The trial does not report `{self.metric}`.", cure=f"Optimise one of {', '.join(metrics)}."
            )
        value = float(metrics[self.metric])
        if not math.isfinite(value):
            raise NonFiniteError(
                f"`{self.metric}` is {value} at step {step}.",
                cure="Narrow the search to settings that train.",
            )
        return value

    def _board_of(self, folder: Path) -> TrialBoard:
        if self._board is None:
            # Imported here: the controllers of sweeps, which know these files, must not wait for TensorFlow.
            from components.trial_board import TrialBoard

            self._board = TrialBoard(str(folder / BOARD), self.params, self.name)
        return self._board
