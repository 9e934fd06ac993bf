from __future__ import annotations

import numpy as np
import pytest

from hparam.report.band import random_band
from hparam.trials import Sweep, replay

from .conftest import Story, spec


def with_values(values: list[float], strategy: str = "initial", higher: bool = False) -> Sweep:
    story = Story(spec(higher_is_better=higher))
    for number, value in enumerate(values):
        story.trial(number, {}, strategy, "succeeded", step=1, value=value, metrics={})
    return replay(story.records)


def test_band_is_the_distribution_of_the_best_of_so_many_draws() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=12).tolist()
    band = random_band(with_values(values), 20)
    assert band is not None
    best = np.minimum.accumulate(rng.choice(values, size=(40_000, 20)), axis=1)
    for share, exact in ((0.1, band.low), (0.5, band.middle), (0.9, band.high)):
        sampled = np.quantile(best, share, axis=0, method="inverted_cdf")
        # The distribution has steps: a quantile on the edge of one may fall on either side.
        assert np.mean(np.isclose(sampled, exact)) > 0.85


def test_band_gets_better_with_more_trials_but_never_than_the_best() -> None:
    band = random_band(with_values([0.9, 0.8, 0.95, 0.85], higher=True), 50)
    assert band is not None
    for losses in (band.low, band.middle, band.high):
        assert list(losses) == sorted(losses, reverse=True)
    assert band.high[-1] == pytest.approx(-0.95)
    assert band.low[0] == pytest.approx(-0.95)
    assert band.high[0] == pytest.approx(-0.8)


def test_there_is_no_band_without_random_trials() -> None:
    assert random_band(with_values([0.9, 0.8]), 5) is None
    assert random_band(with_values([0.9, 0.8, 0.7, 0.6], strategy="gp"), 5) is None
