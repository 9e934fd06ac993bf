"""Routing and error texts of the REST API (table R)."""

from __future__ import annotations

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


@pytest.mark.parametrize("method", [pytest.param("HEAD", id="R3-head")])
def test_refusal_of_head_has_no_body(target, method):
    response = target.call(method, HALF)
    assert (response.status_code, response.content) == (400, b"")


@pytest.mark.parametrize("path", ["/", "/v2/models/half_plus_two", "/v1"], ids=["R5-root", "R5-v2", "R5-v1"])
def test_anything_else_is_not_found_and_not_json(target, path):
    response = target.call("GET", path)
    assert response.status_code == 404
    assert "json" not in response.headers.get("Content-Type", "")


def test_path_is_case_insensitive_but_the_model_name_is_not(target):
    assert target.call("POST", "/V1/Models/half_plus_two:predict", GOOD).status_code == 200
    assert target.call("POST", "/v1/models/HALF_plus_two:predict", GOOD).status_code == 404


@pytest.mark.parametrize("name", [pytest.param("a%20b", id="R20"), pytest.param("%61 b", id="R20-letter")])
def test_model_name_is_percent_decoded(target, name):
    assert target.call("POST", f"/v1/models/{name}:predict", GOOD).json() == {"predictions": [2.5]}


def test_version_in_the_path_is_used(target):
    assert target.call("POST", f"{HALF}/versions/123:predict", GOOD).json() == {"predictions": [2.5]}


@pytest.mark.parametrize(
    "extra", [pytest.param('"other": {"a": [null]}', id="R22"), pytest.param('"examples": 1', id="R22-known")]
)
def test_unknown_top_level_keys_are_ignored(target, extra):
    assert target.predict("half_plus_two", f'{{"instances": [1.0], {extra}}}') == {"predictions": [2.5]}


@pytest.mark.parametrize(
    "origin",
    [
        pytest.param(None, id="R23-none"),
        pytest.param("file://", id="R23-file"),
        pytest.param("x", id="R23-x"),
    ],
)
def test_preflight_without_an_origin_is_refused(target, origin):
    response = target.call("OPTIONS", f"{HALF}:predict", **({"Origin": origin} if origin else {}))
    assert response.status_code == 400
    assert "Origin header is missing in CORS preflight" in response.text


def test_preflight_allows_what_the_api_has(target):
    response = target.call("OPTIONS", f"{HALF}:predict", Origin="https://example.org")
    assert response.status_code == 200
    assert response.headers["Access-Control-Allow-Origin"] in ("*", "https://example.org")
    assert {"POST", "GET"} <= set(response.headers["Access-Control-Allow-Methods"].split(", "))


def test_answers_may_be_read_from_any_page(target):
    response = target.call("POST", f"{HALF}:predict", GOOD, Origin="https://example.org")
    assert response.headers["Access-Control-Allow-Origin"] == "*"
