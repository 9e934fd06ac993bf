import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from components.retrieval.top_k import PADDING_SCORE, top_k

IDS = tf.constant([b"a", b"b", b"c", b"d"])


def test_best_first_and_equal_scores_in_the_order_of_the_candidates():
    scores = tf.constant([[1.0, 3.0, 3.0, 2.0]])
    answer = top_k(scores, tf.ones_like(scores, tf.bool), IDS, 3)
    assert answer["ids"].numpy().tolist() == [[b"b", b"c", b"d"]]
    assert answer["scores"].numpy().tolist() == [[3.0, 3.0, 2.0]]


def test_rows_with_too_few_candidates_are_padded():
    scores = tf.constant([[9.0, 1.0, 2.0, 3.0], [1.0, 2.0, 3.0, 4.0]])
    allowed = tf.constant([[False, True, False, True], [False] * 4])
    answer = top_k(scores, allowed, IDS, 3)
    assert answer["ids"].numpy().tolist() == [[b"d", b"b", b""], [b"", b"", b""]]
    assert answer["scores"].numpy()[0].tolist() == [3.0, 1.0, PADDING_SCORE]


@given(st.integers(1, 30), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_it_agrees_with_sorting_all_allowed_candidates(n, seed):
    random = np.random.default_rng(seed)
    # Few distinct values, so that ties are common.
    scores, allowed = random.integers(-3, 3, (2, n)).astype(np.float32), random.random((2, n)) < 0.6
    k = int(random.integers(1, n + 1))
    answer = top_k(tf.constant(scores), tf.constant(allowed), tf.strings.as_string(tf.range(n)), k)
    for row in range(2):
        order = [i for i in np.argsort(-scores[row], kind="stable") if allowed[row, i]][:k]
        expected = [str(i).encode() for i in order] + [b""] * (k - len(order))
        assert answer["ids"].numpy()[row].tolist() == expected
