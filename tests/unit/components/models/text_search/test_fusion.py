import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from components.models.text_search.collection import Queries
from components.models.text_search.fusion import GRID, _cautious, _drawn, fit_weights
from components.models.text_search.network import FusedScorer, VectorScorer

from .conftest import configured

N = 40
IDS = np.array([f"d{i}".encode() for i in range(N)], object)
EYE = np.eye(N, dtype=np.float32)


def fusion(second: np.ndarray, weights=(1.0, 0.35)) -> FusedScorer:
    """Return a fusion in which term t makes the first scorer like document t and the second `second[t]`."""
    return FusedScorer(
        [VectorScorer(EYE, EYE, False), VectorScorer(EYE[second], EYE, False)], "score", weights, 0
    )


def queries(relevant: np.ndarray) -> Queries:
    """Return one query for each term t, for which the document `relevant[t]` is the only relevant one."""
    return Queries([np.array([t]) for t in range(N)], [{IDS[document]: 1} for document in relevant])


def fit(scorer: FusedScorer, judged: Queries, weights=(1.0, 0.35)):
    train = configured(train={"weights": weights}).train
    return fit_weights(scorer, train, IDS, judged, N)


SHIFTED = (np.arange(N) + 1) % N


def test_a_scorer_that_is_always_right_gets_more_weight_than_one_that_is_always_wrong():
    fitted = fit(fusion(SHIFTED), queries(SHIFTED))
    assert fitted.weights[0] == 1.0
    assert fitted.weights[1] > 1.0


def test_a_scorer_that_is_always_wrong_gets_less_weight():
    # Documents the second scorer likes come second when its weight is below 1: no loss for the first.
    fitted = fit(fusion(SHIFTED, (1.0, 1.4)), queries(np.arange(N)), (1.0, 1.4))
    assert fitted.weights[1] < 1.0


def test_without_training_queries_the_defaults_stay():
    fitted = fit(fusion(SHIFTED), Queries([], []))
    assert fitted.weights == [1.0, 0.35]
    assert fitted.curves == {}


def test_a_single_query_cannot_move_a_weight_that_is_as_good():
    assert fit(fusion(np.arange(N)), Queries([np.array([3])], [{b"d3": 1}])).weights == [1.0, 0.35]


def test_the_curve_covers_the_grid_in_rising_order():
    curve = fit(fusion(SHIFTED), queries(SHIFTED)).curves[1]
    assert len(curve) == len(GRID)
    assert curve[-1] == 1.0
    assert curve == sorted(curve)


def test_only_the_queries_that_are_given_count():
    # The same collection and scorers, other training queries: the weights follow the queries.
    right, wrong = fit(fusion(SHIFTED), queries(SHIFTED)), fit(fusion(SHIFTED), queries(np.arange(N)))
    assert right.weights[1] > 1.0 > wrong.weights[1]


def test_a_query_without_known_terms_counts_as_0_and_does_no_harm():
    judged = queries(SHIFTED)
    judged = Queries([np.array([], np.int64), *judged.terms[1:]], judged.judgements)
    assert fit(fusion(SHIFTED), judged).curves[1][-1] == 1 - 1 / N


@given(st.integers(0, 10_000), st.integers(1, 8), st.integers(1, 30))
@settings(max_examples=60, deadline=None)
def test_the_choice_is_within_a_standard_error_of_the_best_and_nearest_to_the_default(seed, points, count):
    random = np.random.default_rng(seed)
    values, default = random.random((points, count)), int(random.integers(points))
    chosen = _cautious(values, default)
    lost = values[values.mean(axis=1).argmax()] - values
    within = lost.mean(axis=1) <= lost.std(axis=1) / np.sqrt(count)
    assert within[chosen]
    assert all(abs(chosen - default) <= abs(other - default) for other in np.flatnonzero(within))


def test_many_queries_are_drawn_by_the_seed():
    judged = queries(SHIFTED)
    drawn = _drawn(judged, seed=4, limit=10)
    assert len(drawn) == 10
    # Each query keeps its own judgements.
    assert drawn.judgements == [judged.judgements[terms[0]] for terms in drawn.terms]
    assert drawn.judgements == _drawn(judged, seed=4, limit=10).judgements
    assert drawn.judgements != _drawn(judged, seed=5, limit=10).judgements


def test_few_queries_are_all_used():
    judged = queries(SHIFTED)
    assert _drawn(judged, seed=4) is judged
