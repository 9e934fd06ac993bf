from __future__ import annotations

import pytest

from components.errors import InputError
from components.serving import text_proto

SCHEMA = {
    "size": {"value": "int64"},
    "sizes": ["int64"],
    "names": ["string"],
    "ratio": "double",
    "on": "bool",
}


def read(tmp_path, text):
    path = tmp_path / "parameters.txt"
    path.write_text(text)
    return text_proto.read(path, "--some_file", SCHEMA)


def test_fields_are_read_with_their_types(tmp_path):
    text = 'size { value: 9223372036854775807 }  # why\nsizes: 1, sizes: 2\nnames: "a" on: true ratio: 0.5'
    assert read(tmp_path, text) == {
        "size": {"value": 2**63 - 1},
        "sizes": [1, 2],
        "names": ["a"],
        "on": True,
        "ratio": 0.5,
    }


def test_fields_that_are_not_set_are_absent(tmp_path):
    assert read(tmp_path, "") == {}


@pytest.mark.parametrize("text", ["size: 1", "other: 1", "size {", "on: 3"])
def test_a_file_of_another_form_names_the_line_and_the_flag(tmp_path, text):
    with pytest.raises(InputError) as caught:
        read(tmp_path, f"\n{text}")
    assert caught.value.problem.startswith(f"Invalid protobuf file: '{tmp_path / 'parameters.txt'}': 2:")
    assert "--some_file" in caught.value.cure


def test_a_missing_file_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="Cannot read"):
        text_proto.read(tmp_path / "none", "--some_file", SCHEMA)
