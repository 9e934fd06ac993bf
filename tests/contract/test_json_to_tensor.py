"""JSON of a request -> tensors (table J)."""

from __future__ import annotations

import gzip
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
        pytest.param("half_plus_two", '{"instances": [1.0], "instances": [9.0]}', [2.5], id="first-of-a-key"),
        pytest.param("half_plus_two", '{"instances": [1e-60, -1e-60]}', [2.0, 2.0], id="J12-underflow"),
        pytest.param(
            "half_plus_two", '{"instances": [1e39, -1e39]}', [math.inf, -math.inf], id="J12-overflow"
        ),
        pytest.param(
            "half_plus_two", '{"instances": [Infinity, -Infinity]}', [math.inf, -math.inf], id="J11-infinity"
        ),
        pytest.param(
            "half_plus_two",
            f'{{"a": {"[" * 500_000}{"]" * 500_000}, "instances": [1.0]}}',
            [2.5],
            id="J17",
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


@pytest.mark.parametrize("token", [pytest.param("NaN", id="J11-nan")])
def test_nan_token_is_a_number_and_is_written_unquoted(target, token):
    response = target.call(
        "POST", "/v1/models/half_plus_two:predict", f'{{"instances": [{token}, Infinity]}}'
    )
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


@pytest.mark.parametrize(
    "dtype",
    [
        pytest.param("half", id="J14-half"),
        pytest.param("bfloat16", id="J14-bfloat16"),
        pytest.param("uint16", id="J14-uint16"),
    ],
)
def test_type_that_json_cannot_fill_is_unimplemented(target, dtype):
    status, error = target.error("pair", f'{{"signature_name": "{dtype}", "inputs": [1.0]}}')
    assert (status, error) == (501, f"Conversion of JSON Value: 1.0 to type: {dtype}")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param('{"instances": ' + "[" * 500_000 + "]" * 500_000 + "}", id="J18-lists"),
        pytest.param('{"instances": ' + '{"x":' * 500_000 + "1" + "}" * 500_000 + "}", id="J18-objects"),
        pytest.param('{"instances": ' + "[" * 1_000_000, id="J18-unclosed"),
        pytest.param('{"inputs": ' + "[" * 64 + "1" + "]" * 64 + "}", id="J18-just-too-deep"),
    ],
)
def test_depth_where_it_is_read_is_refused(target, body):
    target.refuse_if_not_ours()
    error = "JSON Parse error: The document is nested deeper than 64 levels."
    assert target.error("half_plus_two", body) == (400, error)
    assert target.predict("half_plus_two", '{"instances": [1.0]}') == {"predictions": [2.5]}


@pytest.mark.parametrize("spaces", [pytest.param(0, id="J19-small"), pytest.param(2**20, id="J19-large")])
def test_gzip_body_is_accepted(target, spaces):
    body = gzip.compress(('{"instances": [1.0]}' + " " * spaces).encode())
    response = target.call("POST", "/v1/models/half_plus_two:predict", body, **{"Content-Encoding": "gzip"})
    assert response.json() == {"predictions": [2.5]}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(gzip.compress(bytes(64 * 2**20 + 1)), 413, id="J19-bomb"),
        pytest.param(gzip.compress(b"{}")[:-9], 400, id="J19-cut-off"),
        pytest.param(b"{}", 400, id="J19-not-gzip"),
    ],
)
def test_gzip_body_that_is_none_or_too_large_is_refused(target, body, status):
    target.refuse_if_not_ours()
    response = target.call("POST", "/v1/models/half_plus_two:predict", body, **{"Content-Encoding": "gzip"})
    assert response.status_code == status
    assert response.json()["error"]


def test_an_input_with_a_default_value_may_be_left_out(target):
    target.refuse_if_not_ours()
    assert target.predict("optional", '{"inputs": {"x": [1.0]}}') == {"outputs": [3.0]}
    assert target.predict("optional", '{"instances": [{"x": 1.0}, {"x": 2.0}]}') == {
        "predictions": [3.0, 6.0]
    }
    assert target.predict("optional", '{"instances": [{"x": 1.0, "factor": 5.0}]}') == {"predictions": [5.0]}


def test_an_input_with_a_default_value_is_in_all_rows_or_none(target):
    target.refuse_if_not_ours()
    for rows in ('{"x": 1.0}, {"x": 1.0, "factor": 5.0}', '{"x": 1.0, "factor": 5.0}, {"x": 1.0}'):
        status, error = target.error("optional", f'{{"instances": [{rows}]}}')
        assert status == 400
        assert error.startswith("Failed to process element: 1 ")
