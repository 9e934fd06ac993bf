from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.serving.errors import Code, ServingError
from components.serving.rest_target import Target, parse_target

NAMES = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1)


@pytest.mark.parametrize(
    ("method", "path", "target"),
    [
        ("POST", "/v1/models/m:predict", Target("m", None, "", "predict")),
        ("POST", "/v1/models/m/versions/007:classify", Target("m", 7, "", "classify")),
        ("POST", "/V1/MODELS/M/LABELS/a%2Fb:regress", Target("M", None, "a/b", "regress")),
        ("GET", "/v1/models/m", Target("m", None, "", "")),
        ("GET", "/v1/models/m/labels/stable/metadata", Target("m", None, "stable", "metadata")),
        ("GET", "/v1/models", Target("", None, "", "")),
        ("GET", f"/v1/models/m/versions/{2**63 - 1}", Target("m", 2**63 - 1, "", "")),
    ],
)
def test_a_path_names_a_target(method, path, target):
    assert parse_target(method, path) == target


@given(NAMES, st.integers(0, 2**63 - 1))
def test_any_encoded_name_and_version_is_read(name, version):
    path = f"/v1/models/{quote(name, safe='')}/versions/{version}:predict"
    assert parse_target("POST", path) == Target(name, version, "", "predict")


@pytest.mark.parametrize("text", [str(2**63), "1" + "0" * 5000], ids=["64-bits", "5000-digits"])
def test_a_version_beyond_63_bits_is_refused(text):
    with pytest.raises(ServingError) as caught:
        parse_target("GET", f"/v1/models/m/versions/{text}")
    assert caught.value.message == f"Failed to convert version: {text} to numeric."


@given(st.sampled_from(["GET", "POST", "PUT", "X"]), st.text(st.characters(max_codepoint=255)))
def test_anything_else_is_refused(method, rest):
    try:
        target = parse_target(method, f"/v1/{rest}")
    except ServingError as error:
        assert error.code is Code.INVALID_ARGUMENT
        assert error.message.startswith(("Malformed request: ", "Failed to convert version: "))
    else:
        assert rest.lower().startswith("models")
        assert target.action in ("", "metadata", "predict", "classify", "regress")
