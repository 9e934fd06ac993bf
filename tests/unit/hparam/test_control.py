from __future__ import annotations

import logging

from hparam.control import FolderControl, request


def test_requests_are_taken_once_in_the_order_of_their_times(tmp_path) -> None:
    folder = tmp_path / "control"
    request(folder, {"paused": True}, clock=lambda: 12)
    request(folder, {"trials": 60, "parallel": 2}, clock=lambda: 9)
    control = FolderControl(folder)
    assert list(control.take()) == [{"trials": 60, "parallel": 2}, {"paused": True}]
    assert list(control.take()) == []


def test_there_are_no_requests_without_a_folder(tmp_path) -> None:
    assert list(FolderControl(tmp_path / "control").take()) == []


def test_request_of_a_controller_that_died_over_it_comes_again(tmp_path) -> None:
    request(tmp_path, {"retry": 7})
    taken = FolderControl(tmp_path).take()
    assert next(taken) == {"retry": 7}
    taken.close()
    assert list(FolderControl(tmp_path).take()) == [{"retry": 7}]


def test_damaged_request_is_told_and_removed(tmp_path, caplog) -> None:
    for name, text in (("1.json", "{"), ("2.json", "[1]"), ("3.tmp", '{"paused"')):
        (tmp_path / name).write_text(text)
    with caplog.at_level(logging.WARNING):
        assert list(FolderControl(tmp_path).take()) == []
    assert caplog.text.count("this request is ignored") == 2
    assert [path.name for path in tmp_path.iterdir()] == ["3.tmp"]
