"""A sweep of every kind of trial, made of journal records."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from components.family import find_family
from hparam.spec import Budget, Inputs, SweepSpec
from hparam.trials import Sweep, replay
from pipelines.settings import load_settings

SPACE = {
    "train": {
        "learning_rate": {"log_uniform": [0.005, 0.1]},
        "dimensions": {"integer": [8, 128]},
        "embedding_l2": {"uniform": [0.02, 0.3]},
        "batch_size": {"choices": [128, 512]},
    }
}


class Story:
    """Writes records one second apart."""

    def __init__(self, spec: SweepSpec) -> None:
        self.records: list[dict[str, Any]] = [
            {"event": "created", "ts": 0.0, "spec": spec.model_dump(mode="json")}
        ]

    def tell(self, event: str, **fields: Any) -> None:
        self.records.append({"event": event, "ts": float(len(self.records)), **fields})

    def trial(self, number: int, params: dict[str, Any], strategy: str, event: str, **fields: Any) -> None:
        self.tell("proposed", trial=number, params=params, proposer={"k": number, "strategy": strategy})
        self.tell("started", trial=number, attempt=0)
        if event:
            self.tell(event, trial=number, attempt=0, **fields)


def spec(**fields: Any) -> SweepSpec:
    settings = load_settings(find_family("matrix-factorization"), overrides=["data.source=my films"])
    return SweepSpec(
        **{
            "name": "films",
            "family": "matrix-factorization",
            "metric": "rmse",
            "higher_is_better": False,
            "space": SPACE,
            "settings": settings.model_dump(mode="json"),
            "inputs": Inputs(examples="/e", transform_graph="/g"),
            "budget": Budget(trials=40, parallel=2, retries=0),
            **fields,
        }
    )


def params(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "train.learning_rate": float(round(0.005 * 20 ** rng.random(), 5)),
        "train.dimensions": int(rng.integers(8, 129)),
        "train.embedding_l2": float(round(rng.uniform(0.02, 0.3), 4)),
        "train.batch_size": int(rng.choice([128, 512])),
    }


@pytest.fixture(scope="session")
def sweep() -> Sweep:
    """Return 16 trials whose rmse grows with the distance of `embedding_l2` from 0.1, and little else."""
    story, rng = Story(spec()), np.random.default_rng(5)
    for number in range(16):
        point = params(rng)
        strategy = "initial" if number < 8 else "gp"
        if number == 3:
            log = ["Traceback", "ValueError: <b>boom</b>"]
            story.trial(number, point, strategy, "failed", reason="error", message="it broke", log=log)
        elif number == 6:
            story.trial(number, point, strategy, "stopped", step=5, value=1.4, reason="median", message="")
        elif number == 9:
            story.trial(number, point, strategy, "lost", reason="oom", message="out of memory", log=[])
        elif number == 15:
            story.trial(number, point, strategy, "")
        else:
            value = 0.87 + 4 * (point["train.embedding_l2"] - 0.1) ** 2
            story.trial(number, point, strategy, "succeeded", step=20, value=value, metrics={"rmse": value})
    return replay(story.records)
