"""What a sweep was asked for: the first record of its journal, which is all that resuming needs."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from components.family import Section


class OptimizerSettings(Section):
    """How points are proposed.

    Attributes:
        surrogate: Model of the metric over the space; `random` uses none.
        running: What the surrogate is told of points that still run: its own mean (`believer`), or the best
            value so far (`cl_min`).
        initial: Points of a Latin hypercube before the surrogate is asked.
    """

    surrogate: Literal["gp", "et", "gbrt", "random"] = "gp"
    running: Literal["believer", "cl_min"] = "believer"
    initial: int = Field(default=8, ge=1, le=1000)


class StoppingSettings(Section):
    """When a trial is stopped before its end.

    Attributes:
        rule: `median` stopping, `asha` (asynchronous successive halving), or none.
        startup: median: trials that must have succeeded before any is stopped.
        warmup: median: no trial is stopped before this step.
        interval: median: steps between two looks.
        min_values: median: values that there must be at a step.
        reduction: asha: one in so many trials goes on beyond a rung.
        grace: asha: the first rung, in steps.
    """

    rule: Literal["none", "median", "asha"] = "none"
    startup: int = Field(default=5, ge=0)
    warmup: int = Field(default=0, ge=0)
    interval: int = Field(default=1, ge=1)
    min_values: int = Field(default=1, ge=1)
    reduction: int = Field(default=4, ge=2)
    grace: int = Field(default=1, ge=1)


class Budget(Section):
    """How much a sweep may take; the first limit that is reached ends it.

    Attributes:
        trials: Trials in all, whatever comes of them.
        parallel: Trials at the same time.
        wall_seconds: Seconds since the sweep began, pauses included; None: no limit.
        failures: So many failed trials end the sweep; None: 20 % of `trials`, at least 3. Infrastructure
            faults do not count.
        target: A value of the metric that is good enough; None: none is.
        retries: Times that a trial is started again after infrastructure faults.
    """

    trials: int = Field(default=40, ge=1, le=100_000)
    parallel: int = Field(default=4, ge=1, le=1000)
    wall_seconds: float | None = Field(default=None, gt=0)
    failures: int | None = Field(default=None, ge=1)
    target: float | None = None
    retries: int = Field(default=2, ge=0, le=100)

    @property
    def allowed_failures(self) -> int:
        """Return the number of failed trials that ends the sweep."""
        return self.failures if self.failures is not None else max(3, self.trials // 5)


class Inputs(Section):
    """What every trial trains on: the pipeline's own Transform output, by URI."""

    examples: str
    transform_graph: str


class SweepSpec(Section):
    """All that was asked for.

    Attributes:
        name: The sweep's name, a DNS label.
        family: The family's name.
        metric: What is optimised, one of those that the family's `run_fn` reports.
        higher_is_better: The metric's direction.
        space: The section `search` of the settings; see `hparam.space`.
        settings: All sections of the base settings as JSON values; a trial replaces those of its point.
        inputs: What trials train on.
        optimizer: How points are proposed.
        stopping: When trials are stopped early.
        budget: How much the sweep may take, as it was at the beginning.
        seed: Of everything random in the proposals.
    """

    name: str = Field(pattern=r"^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$")
    family: str
    metric: str
    higher_is_better: bool
    space: dict[str, Any]
    settings: dict[str, Any]
    inputs: Inputs
    optimizer: OptimizerSettings = OptimizerSettings()
    stopping: StoppingSettings = StoppingSettings()
    budget: Budget = Budget()
    seed: int = Field(default=0, ge=0, lt=2**31)
