import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime

from components.models.text_search.collection import Queries
from components.models.text_search.fusion import Lists, _drawn, _loss, fit_weights
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
    fitted = fit(fusion(SHIFTED, (1.0, 1.4)), queries(np.arange(N)), (1.0, 1.4))
    assert fitted.weights[1] < 1.0


def test_without_training_queries_the_defaults_stay():
    fitted = fit(fusion(SHIFTED), Queries([], []))
    assert fitted.weights == [1.0, 0.35]
    assert fitted.losses == []


def test_queries_whose_relevant_documents_no_scorer_finds_leave_the_defaults():
    assert fit(fusion(SHIFTED), Queries([np.array([3])], [{b"elsewhere": 1}])).weights == [1.0, 0.35]


def test_few_queries_move_a_weight_less_than_many():
    few = fit(fusion(SHIFTED), Queries([np.array([3])], [{b"d4": 1}])).weights[1]
    many = fit(fusion(SHIFTED), queries(SHIFTED)).weights[1]
    assert 0.35 < few < many


def test_an_encoder_whose_default_is_0_stays_out():
    assert fit(fusion(SHIFTED), queries(SHIFTED), (1.0, 0.0)).weights == [1.0, 0.0]


def test_the_loss_falls_with_every_step():
    losses = fit(fusion(SHIFTED), queries(SHIFTED)).losses
    assert len(losses) > 1
    assert losses == sorted(losses, reverse=True)


def test_only_the_queries_that_are_given_count():
    # The same collection and scorers, other training queries: the weights follow the queries.
    right, wrong = fit(fusion(SHIFTED), queries(SHIFTED)), fit(fusion(SHIFTED), queries(np.arange(N)))
    assert right.weights[1] > 1.0 > wrong.weights[1]


def test_a_query_without_known_terms_does_no_harm():
    judged = queries(SHIFTED)
    judged = Queries([np.array([], np.int64), *judged.terms[1:]], judged.judgements)
    assert fit(fusion(SHIFTED), judged).weights[1] > 1.0


@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(2, 4))
@settings(max_examples=60, deadline=None)
def test_the_gradient_is_that_of_the_loss(seed, count, scorers):
    random = np.random.default_rng(seed)
    sizes = random.integers(1, 6, count)
    targets = np.concatenate([share / share.sum() for share in (random.random(size) for size in sizes)])
    lists = Lists(random.random((sizes.sum(), scorers)), targets, np.cumsum([0, *sizes[:-1]]))
    defaults, point = random.random(scorers) + 0.1, random.normal(size=scorers) * 0.3
    _, gradient = _loss(point, lists, defaults)
    numeric = approx_fprime(point, lambda at: _loss(at, lists, defaults)[0], 1e-6)
    np.testing.assert_allclose(gradient, numeric, rtol=1e-3, atol=1e-3)


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
