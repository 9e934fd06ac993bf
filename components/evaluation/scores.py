"""What a family's `evaluator.py` is given and what it returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from components.examples import Examples


@dataclass(frozen=True)
class Scores:
    """Metric values of one model on the `eval` split.

    Attributes:
        metrics: Metric name (`rmse`, `ndcg@10`) -> value over the whole split.
        slices: Slice name (`user activity: 1-20`) -> metric name -> value; with `count`, the slice's size.
    """

    metrics: Mapping[str, float]
    slices: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class EvalData:
    """Where a family's evaluator reads from.

    Attributes:
        raw: What ingest wrote: every split, untransformed. The model's signatures take these values.
        transformed: What Transform wrote.
        transform_graph: URI of the TransformGraph artifact.
    """

    raw: Examples
    transformed: Examples
    transform_graph: str
