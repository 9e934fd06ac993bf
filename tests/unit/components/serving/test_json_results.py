from __future__ import annotations

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from components.serving import json_results
from components.serving.inference import Classification

FLOATS = st.floats(width=32)


@given(st.lists(FLOATS))
def test_regressions_read_back(values):
    array = np.array(values, dtype=np.float32)
    read = json.loads(json_results.regressions(array))["results"]
    np.testing.assert_array_equal(np.array(read, dtype=np.float32), array)


@given(st.integers(0, 3), st.integers(0, 3), st.data())
def test_classifications_read_back(rows, width, data):
    cells = rows * width
    labels = data.draw(
        st.lists(st.text(st.characters(blacklist_categories=["Cs"])), min_size=cells, max_size=cells)
    )
    scores = data.draw(st.lists(st.floats(width=32, allow_nan=False), min_size=cells, max_size=cells))
    encoded = np.empty(cells, dtype=object)
    encoded[:] = [label.encode() for label in labels]
    result = Classification(
        encoded.reshape(rows, width), np.array(scores, dtype=np.float32).reshape(rows, width)
    )
    read = [
        [[label, float(np.float32(score))] for label, score in row]
        for row in json.loads(json_results.classifications(result))["results"]
    ]
    pairs = [list(pair) for pair in zip(labels, scores, strict=True)]
    assert read == [pairs[row * width : (row + 1) * width] for row in range(rows)]


def test_a_label_that_is_not_text_goes_out_as_it_is():
    result = Classification(np.array([[b"\xff"]], dtype=object), np.float32([[1]]))
    assert b'[["\xff", 1.0]]' in json_results.classifications(result)
