from __future__ import annotations

import itertools
import json
import logging
import os
from pathlib import Path

import pytest

from components.errors import InputError, LodestarError
from hparam.folder import SweepFolder
from hparam.journal import Journal, read_journal
from hparam.trials import TrialState
from tests.sweeps import spec_of

clock = itertools.count(100.0).__next__


@pytest.fixture
def folder(tmp_path: Path) -> SweepFolder:
    return SweepFolder(tmp_path / "films")


@pytest.fixture
def journal(folder: SweepFolder) -> Journal:
    journal = Journal.create(folder, spec_of(), clock)
    journal.append("opened", controller="here:1")
    journal.append("proposed", trial=0, params={"train.learning_rate": 0.01}, proposer={"k": 0})
    journal.append("started", trial=0, attempt=0)
    return journal


def test_sweep_is_the_same_for_its_writer_a_reader_and_who_opens_it_next(folder, journal) -> None:
    assert journal.sweep.trials[0].state is TrialState.RUNNING
    assert read_journal(folder.journal) == journal.sweep
    assert Journal.open(folder, clock).sweep == journal.sweep


def test_every_record_has_its_number_and_time(folder, journal) -> None:
    records = [json.loads(line) for line in folder.journal.read_text().splitlines()]
    assert [record["seq"] for record in records] == [0, 1, 2, 3]
    assert [record["ts"] for record in records] == sorted(record["ts"] for record in records)


def test_record_is_on_disk_when_append_returns(folder, journal, monkeypatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda file: synced.append(os.fstat(file).st_size))
    journal.append("changed", paused=True)
    assert synced == [folder.journal.stat().st_size]


def test_impossible_record_is_not_written(folder, journal) -> None:
    before = folder.journal.read_bytes()
    with pytest.raises(ValueError, match="cannot have started"):
        journal.append("started", trial=0, attempt=0)
    assert folder.journal.read_bytes() == before
    assert journal.sweep.records == 4


def test_second_sweep_of_a_name_is_refused_and_leaves_the_first_as_it_is(folder, journal) -> None:
    before = folder.journal.read_bytes()
    with pytest.raises(InputError, match="There is a sweep `films` already"):
        Journal.create(folder, spec_of(), clock)
    assert folder.journal.read_bytes() == before
    assert [path.name for path in folder.path.iterdir()] == ["journal.jsonl"]


def test_record_that_was_cut_off_anywhere_is_removed_and_the_rest_is_kept(folder, journal) -> None:
    before, whole = journal.sweep, folder.journal.read_bytes()
    journal.append("changed", paused=True)
    torn = folder.journal.read_bytes()
    for end in range(len(whole) + 1, len(torn)):
        folder.journal.write_bytes(torn[:end])
        assert read_journal(folder.journal) == before
        assert folder.journal.read_bytes() == torn[:end]
        assert Journal.open(folder, clock).sweep == before
        assert folder.journal.read_bytes() == whole
    again = Journal.open(folder, clock)
    assert again.append("changed", paused=True) == read_journal(folder.journal)


def test_notice_says_how_much_was_cut_off(folder, journal, caplog) -> None:
    with folder.journal.open("ab") as file:
        file.write(b'{"seq": 4, "ev')
    with caplog.at_level(logging.WARNING):
        Journal.open(folder, clock)
    assert "cut off after 14 bytes" in caplog.text


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"{", "damaged"),
        (b"\0\0\0", "damaged"),
        (b"[]", "damaged"),
        (b'{"seq": 7, "ts": 1, "event": "opened"}', "record 7 stands where 2 belongs"),
        (b'{"seq": 2, "ts": 1, "event": "started", "trial": 0, "attempt": 0}', "not possible"),
        (b'{"seq": 2, "ts": 1, "event": "sung"}', "no event `sung`"),
    ],
)
def test_damaged_line_is_named_and_nothing_is_changed(folder, journal, line, problem) -> None:
    lines = folder.journal.read_bytes().splitlines()
    lines[2] = line
    folder.journal.write_bytes(b"\n".join(lines) + b"\n")
    before = folder.journal.read_bytes()
    for look in (lambda: read_journal(folder.journal), lambda: Journal.open(folder, clock)):
        with pytest.raises(LodestarError, match=problem) as caught:
            look()
        assert (caught.value.source, caught.value.line) == (str(folder.journal), 3)
    assert folder.journal.read_bytes() == before


def test_missing_journal_is_no_sweep(folder) -> None:
    with pytest.raises(InputError, match="no such sweep"):
        read_journal(folder.journal)


def test_record_that_does_not_fit_on_the_disk_is_taken_back(folder, journal, monkeypatch) -> None:
    before = folder.journal.read_bytes()
    write = os.write

    def fill(file: int, data: bytes) -> int:
        write(file, data[:5])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", fill)
    with pytest.raises(LodestarError, match="No space left"):
        journal.append("changed", paused=True)
    monkeypatch.undo()
    assert folder.journal.read_bytes() == before
    assert journal.append("changed", paused=True) == read_journal(folder.journal)


def test_controller_that_was_replaced_cannot_write(folder, journal) -> None:
    other = Journal.open(folder, clock)
    other.append("changed", paused=True)
    before = folder.journal.read_bytes()
    with pytest.raises(LodestarError, match="another controller has written"):
        journal.append("changed", draining=True)
    assert folder.journal.read_bytes() == before
