from __future__ import annotations

import threading

import pytest

from components.serving.source import Source, scan


def folders(root, *names):
    for name in names:
        (root / name).mkdir(parents=True)


def test_every_folder_with_a_numeric_child_is_a_model(tmp_path):
    folders(tmp_path, "a/1", "a/12", "b/3", "empty", "words/latest", "words/v1")
    assert scan(tmp_path) == {
        "a": {1: tmp_path / "a" / "1", 12: tmp_path / "a" / "12"},
        "b": {3: tmp_path / "b" / "3"},
    }


@pytest.mark.parametrize("name", [".staging-1", "1.tmp", "-1", "1_0", "\u0661", "+1", "1e3", str(2**63)])
def test_name_that_is_no_version_number_is_ignored(tmp_path, name):
    folders(tmp_path, f"a/{name}", "a/7")
    assert scan(tmp_path)["a"].keys() == {7}


def test_leading_zeros_do_not_count_and_the_plain_name_wins(tmp_path):
    folders(tmp_path, "a/0001", "a/01", "a/1", "b/0002")
    assert scan(tmp_path) == {"a": {1: tmp_path / "a" / "1"}, "b": {2: tmp_path / "b" / "0002"}}


def test_files_links_and_hidden_folders_are_ignored(tmp_path):
    folders(tmp_path, "real/1", ".hidden/1", "other")
    (tmp_path / "real" / "2").write_text("a file")
    (tmp_path / "real" / "3").symlink_to(tmp_path / "real" / "1")
    (tmp_path / "linked").symlink_to(tmp_path / "real")
    assert scan(tmp_path) == {"real": {1: tmp_path / "real" / "1"}}


def test_root_that_cannot_be_read_tells_nothing(tmp_path):
    told = []
    source = Source(tmp_path / "missing", 60, told.append)
    assert not source.poll()
    (tmp_path / "missing").mkdir()
    assert source.poll()
    assert told == [{}]


def test_watching_goes_on_until_stopped(tmp_path):
    seen = threading.Semaphore(0)
    source = Source(tmp_path, 0.001, lambda _: seen.release())
    source.start()
    assert all(seen.acquire(timeout=10) for _ in range(3))
    source.stop()
    while seen.acquire(blocking=False):
        pass
    assert not seen.acquire(timeout=0.02)


def test_source_that_never_started_can_be_stopped(tmp_path):
    Source(tmp_path, 60, print).stop()
