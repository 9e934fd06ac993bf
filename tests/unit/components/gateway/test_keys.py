from __future__ import annotations

import hashlib

import pytest

from components.errors import InputError
from components.gateway.keys import Keys, add_key
from components.gateway.limits import RateLimit


def test_new_key_is_known_by_its_name_and_kept_only_as_a_hash(tmp_path):
    path = tmp_path / "folder" / "keys"
    first, second = add_key(path, "shop"), add_key(path, "app")
    keys = Keys(path)
    assert (keys.name_of(first), keys.name_of(second), keys.name_of(first + "x")) == ("shop", "app", None)
    assert first not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600


def test_name_has_one_key(tmp_path):
    add_key(tmp_path / "keys", "shop")
    with pytest.raises(InputError, match="has a key"):
        add_key(tmp_path / "keys", "shop")


@pytest.mark.parametrize("name", ["", "a b", "a:b", "x" * 65, "a\nb"])
def test_name_that_is_none_is_refused(tmp_path, name):
    with pytest.raises(InputError, match="no name of a key"):
        add_key(tmp_path / "keys", name)


def test_removed_key_is_refused_at_once_and_a_broken_file_changes_nothing(tmp_path):
    path = tmp_path / "keys"
    key = add_key(path, "shop")
    keys = Keys(path)
    path.write_text("broken")
    assert keys.name_of(key) == "shop"
    path.unlink()
    assert keys.name_of(key) == "shop"
    path.write_text("# nobody\n\n")
    assert keys.name_of(key) is None


def test_key_may_be_anything(tmp_path):
    path = tmp_path / "keys"
    path.write_text(f"a:{hashlib.sha256('ключ'.encode()).hexdigest()}\n")
    assert (Keys(path).name_of("ключ"), Keys(path).name_of("\ud800"), Keys(path).name_of("")) == (
        "a",
        None,
        None,
    )


def test_file_that_is_wrong_is_named_with_its_line(tmp_path):
    path = tmp_path / "keys"
    with pytest.raises(InputError, match="Cannot read the API keys"):
        Keys(path)
    path.write_text("# comment\nshop:nothash\n")
    with pytest.raises(InputError) as caught:
        Keys(path)
    assert f"{path}:2" in str(caught.value) and "--add-key" in caught.value.cure


def test_callers_are_counted_apart():
    limit = RateLimit("2/minute")
    assert [limit.wait_seconds("a") for _ in range(2)] == [0, 0]
    assert 1 <= limit.wait_seconds("a") <= 60
    assert limit.wait_seconds("b") == 0


def test_no_rate_is_no_limit():
    limit = RateLimit("")
    assert {limit.wait_seconds("a") for _ in range(1000)} == {0}


@pytest.mark.parametrize("text", ["fast", "1", "1/lightyear", "-1/second"])
def test_what_is_no_rate_is_refused(text):
    with pytest.raises(InputError, match="no rate"):
        RateLimit(text)
