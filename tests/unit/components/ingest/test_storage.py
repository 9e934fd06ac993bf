"""The fingerprint of files follows names and contents, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.errors import InputError
from components.ingest.storage import fingerprint


def of(folder: Path, *names: str) -> str:
    return fingerprint([str(folder / name) for name in names], str(folder))


def test_times_order_and_place_do_not_matter(tmp_path: Path, write: Callable[..., str]) -> None:
    for name in ("here/a", "here/b", "there/a", "there/b"):
        write(name, name[-1])
    before = of(tmp_path / "here", "a", "b")
    os.utime(tmp_path / "here/a", (0, 0))

    assert of(tmp_path / "here", "b", "a") == before
    assert of(tmp_path / "there", "a", "b") == before


def test_names_matter(tmp_path: Path, write: Callable[..., str]) -> None:
    write("here/a", "x")
    write("here/b", "x")

    assert of(tmp_path / "here", "a") != of(tmp_path / "here", "b")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.binary(min_size=1, max_size=64), st.integers(0, 63), st.integers(1, 255))
def test_any_changed_byte_matters(tmp_path: Path, content: bytes, at: int, change: int) -> None:
    at %= len(content)
    path = tmp_path / "a"
    path.write_bytes(content)
    before = of(tmp_path, "a")
    path.write_bytes(content[:at] + bytes([content[at] ^ change]) + content[at + 1 :])

    assert of(tmp_path, "a") != before


def test_a_folder_where_a_file_belongs_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "ratings.csv").mkdir()

    with pytest.raises(InputError, match="cannot be read"):
        of(tmp_path, "ratings.csv")
