"""What a user asks of a sweep, before it has data: the spec is made of it when the data is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import Field

from components.errors import InputError
from components.family import Family, FamilySettings, Section
from hparam.space import Space
from hparam.spec import Budget, Inputs, OptimizerSettings, StoppingSettings, SweepSpec

NAME = r"^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$"
_ERRORS = ("rmse", "mae", "mse", "loss")


class SweepPlan(Section):
    """A sweep but for its data.

    Attributes:
        name: The sweep's name; empty: one that follows from what is swept.
        metric: What is optimised; empty: the metric that blesses, where trials report it.
        higher_is_better: The metric's direction; None: that of `evaluate`, or what its name says.
        optimizer: How points are proposed.
        stopping: When trials are stopped early.
        budget: How much it may take.
        seed: Of everything random in the proposals.
    """

    name: str = Field(default="", pattern=rf"^$|{NAME}")
    metric: str = ""
    higher_is_better: bool | None = None
    optimizer: OptimizerSettings = OptimizerSettings()
    stopping: StoppingSettings = StoppingSettings()
    budget: Budget = Budget()
    seed: int = Field(default=0, ge=0, lt=2**31)

    def resolved(self, family: Family, settings: FamilySettings) -> SweepPlan:
        """Return the plan with its metric and direction filled in, checked against the family.

        Raises:
            InputError: The family's trials do not report the metric, or its section `search` is wrong.
        """
        metric = self.metric or _default_metric(family, settings.evaluate.metric)
        if metric not in family.tuning_metrics:
            near = get_close_matches(metric, family.tuning_metrics, n=1, cutoff=0.4)
            hint = f"Did you mean `{near[0]}`? " if near else ""
            known = ", ".join(family.tuning_metrics)
            raise InputError(
                f"Trials of {family.name} do not report `{metric}`.",
                source="--metric",
                cure=f"{hint}They report {known}.",
            )
        Space.parse(settings.search, family, settings.model_dump(mode="json"))
        higher = self.higher_is_better
        if higher is None:
            higher = _higher_is_better(metric, settings)
        return self.model_copy(update={"metric": metric, "higher_is_better": higher})

    def spec(self, name: str, family: Family, settings: Mapping[str, Any], inputs: Inputs) -> SweepSpec:
        """Return what a journal begins with; the plan has to be resolved.

        Args:
            name: The sweep's name.
            family: Whose model is trained.
            settings: All sections of the base settings as JSON values.
            inputs: What every trial trains on.
        """
        return SweepSpec(
            name=name,
            family=family.name,
            metric=self.metric,
            higher_is_better=bool(self.higher_is_better),
            space=dict(settings["search"]),
            settings=dict(settings),
            inputs=inputs,
            optimizer=self.optimizer,
            stopping=self.stopping,
            budget=self.budget,
            seed=self.seed,
        )


@dataclass(frozen=True)
class SweepStep:
    """A sweep as a step of a pipeline.

    Attributes:
        plan: What is asked for.
        folder: Where sweeps are kept, one folder each: a path that trials see too.
    """

    plan: SweepPlan
    folder: Path


def _higher_is_better(metric: str, settings: FamilySettings) -> bool:
    # The settings say it of the metric that blesses; the others' names do.
    if metric == settings.evaluate.metric:
        return settings.evaluate.higher_is_better
    return metric not in _ERRORS


def _default_metric(family: Family, blesses: str) -> str:
    if not family.tuning_metrics:
        raise InputError(
            f"{family.name} cannot be swept: its trials report no metric.",
            cure="Name the metrics in `FAMILY.tuning_metrics` and report them in its `run_fn`.",
        )
    return blesses if blesses in family.tuning_metrics else family.tuning_metrics[0]
