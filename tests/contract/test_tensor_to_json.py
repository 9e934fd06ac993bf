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


def test_bytes_output_keeps_what_is_not_text(target):
    body = f'{{"instances": [{{"b64": "{base64.b64encode(bytes(range(256))).decode()}"}}]}}'
    response = target.call("POST", "/v1/models/text:predict", body)
    encoded = response.content.partition(b'"b64": "')[2].partition(b'"')[0]
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
        ("9000000", "9e+06"),
        ("999999", "999999.0"),
        ("0.00003", "3e-05"),
        ("0.0003", "0.0003"),
        ("555557.5", "555557.5"),
        ("0.1", "0.1"),
        ("16777215", "16777215.0"),
        ("-0.0", "-0.0"),
    ],
)
def test_number_has_the_fewest_digits_that_read_back(target, value, text):
    body = f'{{"signature_name": "same", "instances": [{value}]}}'
    response = target.call("POST", "/v1/models/pair:predict", body)
    assert response.text == f'{{\n    "predictions": [{text}\n    ]\n}}'


def test_layout_of_a_response_is_byte_for_byte(target):
    response = target.call("POST", "/v1/models/half_plus_two:predict", '{"instances": [1.0, 2.0, 5.0]}')
    assert response.content == b'{\n    "predictions": [2.5, 3.0, 4.5\n    ]\n}'
