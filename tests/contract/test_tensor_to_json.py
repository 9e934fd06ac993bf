"""Tensors -> JSON of a response (table T)."""

from __future__ import annotations

import base64

import pytest


@pytest.mark.parametrize(
    ("model", "body", "expected"),
    [
        pytest.param("half_plus_two", '{"instances": [0.0, 1.0]}', {"predictions": [2.0, 2.5]}, id="T1-one"),
        pytest.param(
            "pair",
            '{"instances": [{"a": [1.0], "b": 1}]}',
            {"predictions": [{"total": 1.0, "next": 2}]},
            id="T1-several",
        ),
        pytest.param("half_plus_two", '{"inputs": [0.0]}', {"outputs": [2.0]}, id="T2-one"),
        pytest.param(
            "pair",
            '{"inputs": {"a": [[1.0]], "b": [1]}}',
            {"outputs": {"total": [1.0], "next": [2]}},
            id="T2-several",
        ),
        pytest.param(
            "text",
            '{"instances": ["é"]}',
            {"predictions": [{"text": "é", "text_bytes": {"b64": "w6k="}, "id": 2}]},
            id="T3",
        ),
        pytest.param(
            "pair", '{"signature_name": "none_of", "instances": [true]}', {"predictions": []}, id="T6"
        ),
    ],
)
def test_response_mirrors_the_request_format(target, model, body, expected):
    assert target.predict(model, body) == expected


@pytest.mark.parametrize("output", [pytest.param(b"text_bytes", id="T3-bytes")])
def test_bytes_output_keeps_what_is_not_text(target, output):
    body = f'{{"instances": [{{"b64": "{base64.b64encode(bytes(range(256))).decode()}"}}]}}'
    response = target.call("POST", "/v1/models/text:predict", body)
    encoded = response.content.partition(output)[2].partition(b'"b64": "')[2].partition(b'"')[0]
    assert base64.b64decode(encoded) == bytes(range(256))


@pytest.mark.parametrize(
    ("body", "error"),
    [
        pytest.param(
            '{"signature_name": "scalar", "instances": [{"a": [1.0], "b": 1}]}',
            "Tensor name: count has no shape information ",
            id="T4",
        ),
        pytest.param(
            '{"signature_name": "imaginary", "instances": [1.0]}',
            "Failed to write JSON value for tensor type: complex64",
            id="T7",
        ),
    ],
)
def test_output_that_json_cannot_show_is_refused(target, body, error):
    assert target.error("pair", body) == (400, error)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param("9000000", "9e+06", id="T8-9e6"),
        pytest.param("999999", "999999.0", id="T8-999999"),
        pytest.param("0.00003", "3e-05", id="T8-3e-5"),
        pytest.param("0.0003", "0.0003", id="T8-3e-4"),
        pytest.param("555557.5", "555557.5", id="T8-half"),
        pytest.param("0.1", "0.1", id="T8-tenth"),
        pytest.param("16777215", "16777215.0", id="T8-largest-odd"),
        pytest.param("-0.0", "-0.0", id="T8-minus-zero"),
    ],
)
def test_number_has_the_fewest_digits_that_read_back(target, value, text):
    body = f'{{"signature_name": "same", "instances": [{value}]}}'
    response = target.call("POST", "/v1/models/pair:predict", body)
    assert response.text == f'{{\n    "predictions": [{text}\n    ]\n}}'


@pytest.mark.parametrize(
    ("model", "body", "expected"),
    [
        pytest.param(
            "half_plus_two",
            '{"instances": [1.0, 2.0, 5.0]}',
            '{\n    "predictions": [2.5, 3.0, 4.5\n    ]\n}',
            id="T9-rows",
        ),
        pytest.param(
            "half_plus_two",
            '{"inputs": [1.0, 2.0]}',
            '{\n    "outputs": [\n        2.5,\n        3.0\n    ]\n}',
            id="T9-columns",
        ),
    ],
)
def test_layout_of_a_response_is_byte_for_byte(target, model, body, expected):
    response = target.call("POST", f"/v1/models/{model}:predict", body)
    assert response.text == expected
