from itertools import count

import pytest

from components.evaluation.index import EXHAUSTIVE, measure


def test_recall_is_of_the_exact_answers_and_times_are_medians():
    ticks = count()

    def ask(number: int, n_probe: int) -> list[bytes]:
        # The index misses one of four, and one exact query takes very long.
        if n_probe == EXHAUSTIVE:
            for _ in range(100 if number == 0 else 4):
                next(ticks)
            return [b"a", b"b", b"c", b"d", b"", b""]
        return [b"b", b"a", b"x", b"c", b"", b""]

    found = measure(ask, 5, clock=lambda: float(next(ticks)))
    assert found == pytest.approx({"index_recall@10": 0.75, "index_p50_ms": 1000, "exact_p50_ms": 5000})


def test_at_most_200_queries_are_asked():
    asked = set()

    def ask(number: int, n_probe: int) -> list[bytes]:
        asked.add(number)
        return [b"a"]

    measure(ask, 1001)
    assert 150 < len(asked) <= 200


def test_without_any_answer_there_is_no_recall():
    assert measure(lambda number, n_probe: [b""], 3) == {}
    assert measure(lambda number, n_probe: [b"a"], 0) == {}
