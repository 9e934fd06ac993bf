"""How near the answers of an index come to an exact search of the same model, and how long both take."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

DEPTH = 10
RECALL = f"index_recall@{DEPTH}"
INDEX_P50, EXACT_P50 = "index_p50_ms", "exact_p50_ms"
# As `retrieve` takes them: the index as it was trained, and every candidate.
AS_TRAINED, EXHAUSTIVE = 0, -1
_ASKED = 200

Ask = Callable[[int, int], Sequence[bytes]]


def measure(ask: Ask, count: int, clock: Callable[[], float] = time.perf_counter) -> dict[str, float]:
    """Return the mean share of the exact answers that is found, and median milliseconds of one query.

    Args:
        ask: `ask(number, n_probe)` returns the ranked ids that the model answers one query with.
        count: How many queries there are; at most 200 are asked, evenly spaced.
        clock: Seconds.

    Returns:
        `index_recall@10`, `index_p50_ms` and `exact_p50_ms`; nothing without any query that has an answer.
    """
    shares: list[float] = []
    taken: dict[int, list[float]] = {AS_TRAINED: [], EXHAUSTIVE: []}
    if count:
        for probes in taken:
            ask(0, probes)  # The first call is slow, whatever it searches.
    for number in range(0, count, max(1, -(-count // _ASKED))):
        answers = {}
        for probes, times in taken.items():
            start = clock()
            found = ask(number, probes)
            times.append(1000 * (clock() - start))
            answers[probes] = {one for one in found[:DEPTH] if one}
        if answers[EXHAUSTIVE]:
            shared = answers[AS_TRAINED] & answers[EXHAUSTIVE]
            shares.append(len(shared) / len(answers[EXHAUSTIVE]))
    if not shares:
        return {}
    medians = {probes: float(np.median(times)) for probes, times in taken.items()}
    return {
        RECALL: float(np.mean(shares)),
        INDEX_P50: medians[AS_TRAINED],
        EXACT_P50: medians[EXHAUSTIVE],
    }
