"""JSON of a request -> tensors (table J)."""

from __future__ import annotations

import math

import pytest

ELEMENT = "Failed to process element: "


@pytest.mark.parametrize(
    ("model", "body", "expected"),
    [
        pytest.param("half_plus_two", '{"instances": [1.0, 2.0]}', [2.5, 3.0], id="J1-bare"),
        pytest.param("half_plus_two", '{"instances": [{"x": 1.0}]}', [2.5], id="J1-named"),
        pytest.param(
            "pair",
            '{"instances": [{"a": [1.0, 2.0], "b": 1}, {"b": 2, "a": [3.0, 4.0]}]}',
            [{"total": 3.0, "next": 2}, {"total": 7.0, "next": 3}],
            id="J2",
        ),
        pytest.param("half_plus_two", '{"instances": [1, 2]}', [2.5, 3.0], id="J7"),
        pytest.param("half_plus_two", '{"instances": [1e-60, -1e-60]}', [2.0, 2.0], id="J12-underflow"),
        pytest.param(
            "half_plus_two", '{"instances": [1e39, -1e39]}', [math.inf, -math.inf], id="J12-overflow"
        ),
        pytest.param(
            "half_plus_two", '{"instances": [Infinity, -Infinity]}', [math.inf, -math.inf], id="J11-infinity"
        ),
    ],
)
def test_rows_become_a_batch(target, model, body, expected):
    assert target.predict(model, body) == {"predictions": expected}


@pytest.mark.parametrize(
    ("model", "body", "expected"),
    [
        pytest.param("half_plus_two", '{"inputs": [1.0, 2.0]}', [2.5, 3.0], id="J5-unnamed"),
        pytest.param("half_plus_two", '{"inputs": {"x": [1.0], "other": 1}}', [2.5], id="J5-extra-key"),
        pytest.param("pair", '{"signature_name": "square", "inputs": 3}', 9.0, id="J5-scalar"),
        pytest.param("pair", '{"signature_name": "square", "inputs": {"x": 3}}', 9.0, id="J5-named-scalar"),
        pytest.param(
            "pair",
            '{"inputs": {"a": [[1.0, 2.0]], "b": [-2147483648]}}',
            {"total": [3.0], "next": [-2147483647]},
            id="J5-several",
        ),
        pytest.param(
            "text", '{"signature_name": "echo", "inputs": ["a", {"b64": "w6k="}]}', ["a", "é"], id="J15"
        ),
        pytest.param(
            "text", '{"signature_name": "echo", "inputs": ["é", "\\u00e9"]}', ["é", "é"], id="unicode"
        ),
    ],
)
def test_columns_become_tensors(target, model, body, expected):
    assert target.predict(model, body) == {"outputs": expected}


def test_nan_token_is_a_number_and_is_written_unquoted(target):
    response = target.call("POST", "/v1/models/half_plus_two:predict", '{"instances": [NaN, Infinity]}')
    assert "[NaN, Infinity" in response.text
    assert math.isnan(response.json()["predictions"][0])


@pytest.mark.parametrize(
    ("model", "body", "error"),
    [
        pytest.param(
            "pair",
            '{"instances": [{"a": [1.0]}]}',
            ELEMENT + "0 of 'instances' list. JSON object: {\n    \"a\": [\n        1.0\n    ]\n}"
            " keys must be equal to: a,b",
            id="J2-missing",
        ),
        pytest.param(
            "pair",
            '{"instances": [{"a": [1.0], "b": 1, "X": 1}]}',
            ELEMENT
            + "0 key: X of 'instances' list. Error: INVALID_ARGUMENT: JSON object: does not have named"
            " input: X",
            id="J2-extra",
        ),
        pytest.param(
            "pair",
            '{"instances": [{"a": [1.0], "b": "x"}]}',
            ELEMENT
            + "0 key: b of 'instances' list. Error: INVALID_ARGUMENT: JSON Value: \"x\" Type: String is"
            " not of expected type: int32",
            id="J2-bad-value",
        ),
        pytest.param(
            "pair",
            '{"instances": [1.0]}',
            "instances is a plain list, but expecting list of objects as multiple input tensors required"
            " as per tensorinfo_map",
            id="J3",
        ),
        pytest.param(
            "half_plus_two",
            '{"instances": [{"x": 1.0}, [1.0]]}',
            "Expecting object but got list at item 1 of input list",
            id="J4-list",
        ),
        pytest.param(
            "half_plus_two",
            '{"instances": [1.0, {"x": 1.0}]}',
            "Expecting value/list but got object at item 1 of input list",
            id="J4-object",
        ),
        pytest.param(
            "pair", '{"inputs": {"a": [[1.0]]}}', "Missing named input: b in 'inputs' object.", id="J5"
        ),
        pytest.param(
            "half_plus_two",
            '{"instances": [[1.0, 2.0], [1.0]]}',
            ELEMENT + "1 of 'instances' list. Error: INVALID_ARGUMENT: Expecting tensor size: 2 but got: 1",
            id="J6-size",
        ),
        pytest.param(
            "half_plus_two",
            '{"instances": [[1.0, 2.0], [[1.0, 2.0]]]}',
            ELEMENT + "1 of 'instances' list. Error: INVALID_ARGUMENT: Expecting shape [2] but got: [1,2]",
            id="J6-shape",
        ),
        pytest.param(
            "half_plus_two",
            '{"inputs": [[1.0, 2.0], [1.0]]}',
            "Encountered list at unexpected size: 1 at level: 1 expected size: 2",
            id="J6-list-size",
        ),
        pytest.param(
            "half_plus_two",
            '{"inputs": [[1.0], 1.0]}',
            "JSON Value: 1.0 found at incorrect level: 2 in the JSON DOM. Expected at level: 2",
            id="J6-level",
        ),
        pytest.param(
            "pair",
            '{"inputs": {"a": [[1.0]], "b": [1.0]}}',
            "JSON Value: 1.0 Type: Number is not of expected type: int32",
            id="J8-decimal",
        ),
        pytest.param(
            "pair",
            '{"inputs": {"a": [[1.0]], "b": [2147483648]}}',
            "JSON Value: 2147483648 Type: Number is not of expected type: int32",
            id="J8-range",
        ),
        pytest.param(
            "half_plus_two",
            '{"inputs": ["x"]}',
            'JSON Value: "x" Type: String is not of expected type: float',
            id="J9",
        ),
        pytest.param(
            "half_plus_two",
            '{"inputs": [null]}',
            "JSON Value: null Type: Null is not of expected type: float",
            id="J10",
        ),
        pytest.param(
            "half_plus_two",
            '{"inputs": [true]}',
            "JSON Value: true Type: True is not of expected type: float",
            id="bool-in-float",
        ),
        pytest.param("text", '{"inputs": [{"b64": "*"}]}', "Unable to base64 decode", id="J15-alphabet"),
        pytest.param(
            "text",
            '{"inputs": [{"b64": "YQ==", "x": 1}]}',
            'JSON Value: {\n    "b64": "YQ==",\n    "x": 1\n} not formatted correctly for base64 data',
            id="J15-extra-key",
        ),
        pytest.param(
            "text",
            '{"inputs": [{"b64": 1}]}',
            'JSON Value: {\n    "b64": 1\n} not formatted correctly for base64 data',
            id="J15-number",
        ),
        pytest.param(
            "half_plus_two",
            '{"inputs": [{"b64": "YQ=="}]}',
            'JSON Value: {\n    "b64": "YQ=="\n} Type: Object is not of expected type: float',
            id="J15-numeric-tensor",
        ),
    ],
)
def test_value_that_does_not_fit_is_refused(target, model, body, error):
    assert target.error(model, body) == (400, error)


def test_type_that_json_cannot_fill_is_unimplemented(target):
    status, error = target.error("pair", '{"signature_name": "half", "inputs": [1.0]}')
    assert (status, error) == (501, "Conversion of JSON Value: 1.0 to type: half")
