"""Write classifications and regressions as TensorFlow Serving's REST API does."""

from __future__ import annotations

import numpy as np

from .inference import Classification
from .json_output import decimals, strings
from .json_tensor import Array


def classifications(result: Classification) -> bytes:
    """Return the body of a classify response: one list of `[label, score]` for each example."""
    labels = strings(result.labels.ravel().tolist())
    scores = decimals(np.asarray(result.scores, dtype=np.float32))
    pairs = [f"[{label}, {score}]" for label, score in zip(labels, scores, strict=True)]
    width = result.labels.shape[1]
    rows = [f"[{', '.join(pairs[start : start + width])}]" for start in range(0, len(pairs), width or 1)]
    rows = rows or ["[]"] * len(result.labels)
    return _document(f"[{', '.join(rows)}\n    ]")


def regressions(values: Array) -> bytes:
    """Return the body of a regress response: one number for each example."""
    return _document(f"[{', '.join(decimals(np.asarray(values, dtype=np.float32)))}]")


def _document(results: str) -> bytes:
    return f'{{\n    "results": {results}\n}}'.encode("utf-8", "surrogateescape")
