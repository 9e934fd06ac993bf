"""Snapshots of a sweep at several moments."""

from __future__ import annotations

from typing import Any

from components.family import find_family
from hparam.snapshot import snapshot
from hparam.spec import Budget, Inputs, SweepSpec
from hparam.trials import Sweep, replay
from pipelines.settings import load_settings

SPACE = {"train": {"learning_rate": {"log_uniform": [0.005, 0.1]}}}


def film_spec(name: str = "films", **budget: Any) -> SweepSpec:
    family = find_family("matrix-factorization")
    settings = load_settings(family).model_copy(update={"search": SPACE})
    return SweepSpec(
        name=name,
        family=family.name,
        metric="rmse",
        higher_is_better=False,
        space=SPACE,
        settings=settings.model_dump(mode="json"),
        inputs=Inputs(examples="/e", transform_graph="/g"),
        budget=Budget(**{"trials": 5, "parallel": 2, "retries": 1, **budget}),
    )


def told(*events: dict[str, Any], spec: SweepSpec | None = None) -> Sweep:
    created = {"event": "created", "ts": 1000.0, "spec": (spec or film_spec()).model_dump(mode="json")}
    return replay([created, *({"ts": 1001.0 + second, **event} for second, event in enumerate(events))])


def seen(*events: dict[str, Any]) -> dict[str, Any]:
    return snapshot(told(*events))


def ran(trial: int, event: str = "", learning_rate: float = 0.0123456, **fields: Any) -> list[dict[str, Any]]:
    """Return the records of a trial: proposed, started and, with an event, ended."""
    point = {"train.learning_rate": learning_rate}
    records: list[dict[str, Any]] = [
        {
            "event": "proposed",
            "trial": trial,
            "params": point,
            "proposer": {"k": trial, "strategy": "initial"},
        },
        {"event": "started", "trial": trial, "attempt": 0},
    ]
    if event:
        records.append({"event": event, "trial": trial, "attempt": 0, **fields})
    return records
