"""Rating metrics, overall and by slice, computed by TensorFlow Model Analysis."""

from __future__ import annotations

import math
import re
import tempfile
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pandas as pd
import tensorflow_model_analysis as tfma
from numpy.typing import NDArray

_CHUNK = 1_000
_TFMA = "tensorflow_model_analysis.metrics"

Errors = dict[str, float]
Bands = Mapping[str, NDArray[Any]]


def rating_errors(
    labels: NDArray[Any], predictions: NDArray[Any], bands: Bands
) -> tuple[Errors, dict[str, Errors]]:
    """Return RMSE and MAE over all ratings, and by slice.

    Args:
        labels: True ratings, float `[n]`, n >= 1.
        predictions: Predicted ratings, float `[n]`.
        bands: Slicing feature (`item popularity`) -> each rating's band, str `[n]`.

    Returns:
        `{"rmse", "mae"}`, and slice (`item popularity: 1-20`) -> `{"rmse", "mae", "count"}`.
    """
    with tempfile.TemporaryDirectory() as folder:
        frame = _chunks(labels, predictions, bands)
        result = tfma.analyze_raw_data(frame, _eval_config(list(bands)), output_path=folder)
    errors = {key: _errors(metrics[""][""]) for key, metrics in result.slicing_metrics}
    counts = {
        (name, band): count
        for name, column in bands.items()
        for band, count in sorted(Counter(column).items(), key=lambda item: _natural(item[0]))
    }
    slices = {
        f"{name}: {band}": {**errors[((name, band),)], "count": counts[name, band]} for name, band in counts
    }
    return errors[()], slices


def _natural(text: str) -> list[tuple[int, str]]:
    return [(int(word), "") if word.isdigit() else (-1, word) for word in re.split(r"(\d+)", text)]


def _chunks(labels: NDArray[Any], predictions: NDArray[Any], bands: Bands) -> pd.DataFrame:
    # TFMA takes a millisecond for a row of one rating, and not much longer for a row of a thousand.
    frame = pd.DataFrame(bands).astype(str)
    rows = []
    for key, group in frame.groupby(list(bands), sort=True):
        positions = group.index.to_numpy()
        for start in range(0, len(positions), _CHUNK):
            chunk = positions[start : start + _CHUNK]
            named = dict(zip(bands, key if isinstance(key, tuple) else (key,), strict=True))
            rows.append({"label": labels[chunk], "prediction": predictions[chunk], **named})
    return pd.DataFrame(rows)


def _eval_config(features: list[str]) -> tfma.EvalConfig:
    metrics = [
        tfma.MetricConfig(class_name=name, module=_TFMA) for name in ("MeanSquaredError", "MeanAbsoluteError")
    ]
    return tfma.EvalConfig(
        model_specs=[tfma.ModelSpec(label_key="label", prediction_key="prediction")],
        metrics_specs=[tfma.MetricsSpec(metrics=metrics)],
        slicing_specs=[tfma.SlicingSpec(), *(tfma.SlicingSpec(feature_keys=[name]) for name in features)],
    )


def _errors(metrics: Mapping[str, Mapping[str, float]]) -> Errors:
    return {
        "rmse": math.sqrt(metrics["mean_squared_error"]["doubleValue"]),
        "mae": metrics["mean_absolute_error"]["doubleValue"],
    }
