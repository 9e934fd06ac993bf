from hypothesis import given
from hypothesis import strategies as st

from components.gateway.shards import merge

SCORES = st.lists(st.integers(-5, 5).map(float), max_size=8).map(lambda found: sorted(found, reverse=True))


@given(st.lists(SCORES, max_size=4), st.integers(0, 12))
def test_the_best_of_all_shards_come_first_and_ties_in_the_shards_order(shards, k):
    answers = [([f"{n}-{i}" for i in range(len(found))], found) for n, found in enumerate(shards)]
    everything = [pair for names, found in answers for pair in zip(names, found, strict=True)]
    expected = sorted(everything, key=lambda pair: -pair[1])[:k]
    assert merge(answers, k) == ([name for name, _ in expected], [score for _, score in expected])


def test_padding_is_dropped_and_an_id_comes_once_with_its_best_score():
    lowest = -3.4e38
    answers = [(["a", "b", ""], [0.5, 0.1, lowest]), (["b", ""], [0.9, lowest]), (["", ""], [lowest, lowest])]
    assert merge(answers, 5) == (["b", "a"], [0.9, 0.5])
