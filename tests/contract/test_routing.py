"""Routing and error texts of the REST API (table R)."""

from __future__ import annotations

import gzip

import pytest

HALF = "/v1/models/half_plus_two"
GOOD = '{"instances": [1.0]}'
LONG = "9" * 19


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "error"),
    [
        pytest.param("GET", "/v1/models", None, 400, "Missing model name in request.", id="R1"),
        pytest.param(
            "GET", f"{HALF}:predict", None, 400, f"Malformed request: GET {HALF}:predict", id="R2-get-predict"
        ),
        pytest.param(
            "POST",
            f"{HALF}/metadata",
            GOOD,
            400,
            f"Malformed request: POST {HALF}/metadata",
            id="R2-post-metadata",
        ),
        pytest.param(
            "GET",
            f"{HALF}/version/50",
            None,
            400,
            f"Malformed request: GET {HALF}/version/50",
            id="R2-version",
        ),
        pytest.param(
            "GET",
            f"{HALF}/versions/1/labels/x",
            None,
            400,
            f"Malformed request: GET {HALF}/versions/1/labels/x",
            id="R2-version-and-label",
        ),
        pytest.param("PUT", HALF, GOOD, 400, f"Malformed request: PUT {HALF}", id="R3-put"),
        pytest.param("DELETE", HALF, None, 400, f"Malformed request: DELETE {HALF}", id="R3-delete"),
        pytest.param(
            "POST", f"{HALF}:PREDICT", GOOD, 400, f"Malformed request: POST {HALF}:PREDICT", id="R4"
        ),
        pytest.param(
            "POST",
            f"{HALF}/versions/{LONG}:predict",
            GOOD,
            400,
            f"Failed to convert version: {LONG} to numeric.",
            id="R6",
        ),
        pytest.param(
            "POST",
            "/v1/models/half:predict",
            GOOD,
            404,
            "Servable not found for request: Latest(half)",
            id="R7",
        ),
        pytest.param(
            "POST",
            f"{HALF}/versions/3:predict",
            GOOD,
            404,
            "Servable not found for request: Specific(half_plus_two, 3)",
            id="R8",
        ),
        pytest.param(
            "GET",
            f"{HALF}/versions/3/metadata",
            None,
            404,
            "Servable not found for request: Specific(half_plus_two, 3)",
            id="R8-metadata",
        ),
        pytest.param(
            "POST",
            f"{HALF}/labels/L:predict",
            GOOD,
            400,
            "Unrecognized servable version label: L",
            id="R9",
        ),
        pytest.param(
            "POST",
            "/v1/models/half:predict",
            '{"instances": [1.0, ',
            400,
            "JSON Parse error: Invalid value. at offset: 20",
            id="R10-parse-before-lookup",
        ),
        pytest.param("POST", f"{HALF}:predict", "", 400, "JSON Parse error: The document is empty", id="R11"),
        pytest.param(
            "POST",
            f"{HALF}:predict",
            '{"instances": [1.0, ',
            400,
            "JSON Parse error: Invalid value. at offset: 20",
            id="R12",
        ),
        pytest.param("POST", f"{HALF}:predict", "[]", 400, "JSON Value: [] Is not object", id="R13-list"),
        pytest.param("POST", f"{HALF}:predict", '"x"', 400, 'JSON Value: "x" Is not object', id="R13-string"),
        pytest.param(
            "POST",
            f"{HALF}:predict",
            '{"signature_name": 5}',
            400,
            'JSON Value: {\n    "signature_name": 5\n} not formatted correctly.'
            " 'signature_name' key must be a string value.",
            id="R14",
        ),
        pytest.param(
            "POST",
            f"{HALF}:predict",
            '{"signature_name": "X", "instances": [1.0]}',
            400,
            'Serving signature name: "X" not found in signature def',
            id="R15",
        ),
        pytest.param(
            "POST",
            f"{HALF}:predict",
            '{"instances": 1, "inputs": 2}',
            400,
            'JSON Value: {\n    "instances": 1,\n    "inputs": 2\n} Not formatted correctly'
            " expecting only one of 'inputs' or 'instances' keys to exist ",
            id="R16",
        ),
        pytest.param("POST", f"{HALF}:predict", "{}", 400, "Missing 'inputs' or 'instances' key", id="R17"),
        pytest.param(
            "POST",
            f"{HALF}:predict",
            '{"instances": {}}',
            400,
            "JSON Value: {\n    \"instances\": {}\n} Expecting 'instances' to be an list/array",
            id="R18",
        ),
        pytest.param(
            "POST",
            f"{HALF}:predict",
            '{"instances": []}',
            400,
            "JSON Value: {\n    \"instances\": []\n} No values in 'instances' array",
            id="R19",
        ),
    ],
)
def test_refusal_has_the_exact_status_and_text(target, method, path, body, status, error):
    response = target.call(method, path, body)
    assert (response.status_code, response.json()) == (status, {"error": error})
    assert response.headers["Content-Type"] == "application/json"


def test_head_is_refused_without_a_body(target):
    response = target.call("HEAD", HALF)
    assert (response.status_code, response.content) == (400, b"")


@pytest.mark.parametrize("path", ["/", "/v2/models/half_plus_two", "/v1"], ids=["R5-root", "R5-v2", "R5-v1"])
def test_anything_else_is_not_found_and_not_json(target, path):
    response = target.call("GET", path)
    assert response.status_code == 404
    assert "json" not in response.headers.get("Content-Type", "")


def test_path_is_case_insensitive_but_the_model_name_is_not(target):
    assert target.call("POST", "/V1/Models/half_plus_two:predict", GOOD).status_code == 200
    assert target.call("POST", "/v1/models/HALF_plus_two:predict", GOOD).status_code == 404


def test_model_name_is_percent_decoded(target):
    assert target.call("POST", "/v1/models/a%20b:predict", GOOD).json() == {"predictions": [2.5]}


def test_version_in_the_path_is_used(target):
    assert target.call("POST", f"{HALF}/versions/123:predict", GOOD).json() == {"predictions": [2.5]}


def test_unknown_top_level_keys_are_ignored(target):
    assert target.predict("half_plus_two", '{"instances": [1.0], "other": {"a": [null]}}') == {
        "predictions": [2.5]
    }


def test_gzip_body_is_accepted(target):
    body = gzip.compress(GOOD.encode())
    response = target.call("POST", f"{HALF}:predict", body, **{"Content-Encoding": "gzip"})
    assert response.json() == {"predictions": [2.5]}
