import gzip

import numpy as np
import pytest

from components.errors import InputError
from components.models.text_search.vectors import WordVectors
from components.text.analyzer import Analyzer

ANALYZER = Analyzer("porter", "english")


def vectors(path, *terms: bytes) -> np.ndarray:
    return WordVectors(str(path), ANALYZER, list(terms)).of_terms()


def written(tmp_path, text: str):
    path = tmp_path / "vectors.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_words_with_the_same_stem_are_averaged_by_their_rank(tmp_path):
    path = written(tmp_path, "cells 3 0\nheart 1 1\nthe 9 9\ncell 0 4\n")
    found = vectors(path, b"cell", b"heart", b"the", b"absent")
    # Ranks 1 and 4: weights 1 and 1/4.
    np.testing.assert_allclose(found[0], [3 / 1.25, 1 / 1.25], rtol=1e-6)
    assert found[1:].tolist() == [[1, 1], [0, 0], [0, 0]]


def test_a_gzipped_file_and_the_header_of_fasttext_are_read(tmp_path):
    path = tmp_path / "vectors.vec.gz"
    path.write_bytes(gzip.compress(b"2 2\nheart 1 2\n2 5 6\n"))
    np.testing.assert_allclose(vectors(path, b"heart", b"2"), [[1, 2], [5, 6]], rtol=1e-6)


def test_the_sample_is_found_in_the_familys_folder():
    found = vectors("sample/glove.6B.50d.top10k.txt.gz", b"king", b"queen", b"qqqq")
    assert found.shape == (3, 50)
    assert found[0] @ found[1] / np.linalg.norm(found[0]) / np.linalg.norm(found[1]) > 0.7
    assert not found[2].any()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("heart 1 2\ncell 1 2 3\n", 2),
        ("heart 1 2\ncell 1 two\n", 2),
        ("heart 1 2\nabsent\ncell\n", 3),
        ("heart 1 nan\n", 1),
    ],
)
def test_a_malformed_line_is_named(tmp_path, text, line):
    with pytest.raises(InputError) as caught:
        vectors(written(tmp_path, text), b"heart", b"cell")
    assert caught.value.line == line
    assert "GloVe" in caught.value.cure


def test_a_missing_file_and_one_without_a_known_word_are_the_callers_mistakes(tmp_path):
    with pytest.raises(InputError, match="There is no file"):
        vectors(tmp_path / "none.txt", b"heart")
    with pytest.raises(InputError, match="No word of"):
        vectors(written(tmp_path, "Herz 1 2\n"), b"heart")
