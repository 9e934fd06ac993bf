"""Name slices by how often something occurs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def frequency_bands(counts: NDArray[Any], of: NDArray[Any], bands: int = 3) -> NDArray[Any]:
    """Return the band of each element of `of`, str of the same shape, e.g. `1-20`, `21-97`, `98 and more`.

    The bands hold about equally many of the things counted; there are fewer bands when many counts are equal.
    What never occurred is in the band `0`.

    Args:
        counts: How often each thing occurs, int `[n]`, all >= 1; may be empty.
        of: The counts to name.
        bands: How many bands.
    """
    if not len(counts):
        return np.full(of.shape, "0")
    steps = np.quantile(counts, np.arange(1, bands) / bands, method="lower")
    # An edge is the highest count of its band; the last band has none.
    edges = np.unique(steps[steps < counts.max()])
    firsts = np.concatenate([[1], edges + 1]).astype(np.int64)
    names = [
        f"{first}-{last}" if first < last else f"{first}"
        for first, last in zip(firsts, edges.astype(np.int64), strict=False)
    ]
    labels = np.array(["0", *names, f"{firsts[-1]} and more"])
    band: NDArray[Any] = labels[np.where(of == 0, 0, 1 + np.searchsorted(edges, of, side="left"))]
    return band
