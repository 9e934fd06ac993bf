import numpy as np
from hypothesis import given, strategies
from hypothesis.extra import numpy as arrays

from components.metrics.bands import frequency_bands

COUNTS = arrays.arrays(np.int64, strategies.integers(1, 60), elements=strategies.integers(1, 500))


def test_bands_hold_equally_many_and_are_named_by_their_counts():
    counts = np.arange(1, 31)
    assert frequency_bands(counts, np.array([0, 1, 10, 11, 20, 21, 30, 99])).tolist() == [
        "0", "1-10", "1-10", "11-20", "11-20", "21 and more", "21 and more", "21 and more",
    ]  # fmt: skip


def test_equal_counts_are_one_band():
    assert frequency_bands(np.full(9, 4), np.array([4, 0, 7])).tolist() == ["1 and more", "0", "1 and more"]


def test_a_band_of_one_count_is_named_by_it():
    counts = np.array([1, 1, 1, 2, 2, 2, 5, 6, 7])
    assert frequency_bands(counts, np.array([1, 2, 3])).tolist() == ["1", "2", "3 and more"]


def test_without_counts_nothing_has_occurred():
    assert frequency_bands(np.array([], np.int64), np.array([0, 0])).tolist() == ["0", "0"]


@given(counts=COUNTS, of=COUNTS)
def test_every_count_is_in_the_band_that_its_name_says(counts, of):
    for count, name in zip(of, frequency_bands(counts, of), strict=True):
        if name.endswith(" and more"):
            assert count >= int(name.split()[0])
        else:
            first, _, last = name.partition("-")
            assert int(first) <= count <= int(last or first)
