import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from components.retrieval.filters import Categories, for_each_row, not_excluded

NAMES = [f"c{i}" for i in range(130)]


@given(
    held=st.lists(st.lists(st.sampled_from(NAMES), max_size=4), min_size=1, max_size=12),
    asked=st.lists(st.lists(st.sampled_from([*NAMES, "", "nowhere"]), max_size=3), min_size=1, max_size=3),
)
@settings(max_examples=40, deadline=None)
def test_a_row_allows_the_candidates_that_share_a_category_with_it(held, asked):
    categories = Categories([[name.encode() for name in row] for row in held])
    wide = max(map(len, asked))
    names = tf.constant([row + [""] * (wide - len(row)) for row in asked], tf.string, [len(asked), wide])
    wanted = categories.wanted(names)
    expected = [[not any(row) or bool({*row} & {*mine}) for mine in held] for row in asked]
    assert categories.allow(wanted).numpy().tolist() == expected
    rows = tf.constant([list(range(len(held)))[::-1]] * len(asked))
    backwards = [row[::-1] for row in expected]
    assert categories.allow_rows(wanted, rows).numpy().tolist() == backwards


def test_more_categories_than_a_word_has_bits_are_told_apart():
    categories = Categories([[name.encode()] for name in NAMES])
    assert categories.words == 3
    allowed = categories.allow(categories.wanted(tf.constant([[name] for name in NAMES])))
    assert np.array_equal(allowed.numpy(), np.eye(len(NAMES), dtype=bool))


def test_excluded_candidates_are_left_out_and_padding_is_ignored():
    excluded = tf.constant([[2, -1, 7, 4], [0, 0, 2**31 - 1, -1]])
    assert not_excluded(excluded, 4).numpy().tolist() == [
        [True, True, False, True],
        [False, True, True, True],
    ]
    assert not_excluded(tf.zeros([0, 0], tf.int32), 4).shape == (0, 4)


def test_one_row_stands_for_all_and_a_wrong_number_of_rows_is_refused():
    assert for_each_row(tf.constant([[1, 2]]), 3).numpy().tolist() == [[1, 2]] * 3
    with pytest.raises(tf.errors.InvalidArgumentError):
        for_each_row(tf.constant([[1], [2]]), 3)
