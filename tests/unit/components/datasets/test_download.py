"""Downloads resume, and a file is in place only when its checksum is right."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from components.datasets.download import download
from components.errors import InputError

CONTENT = bytes(range(256)) * 2000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def fetch(server: Any, tmp_path: Path) -> Any:
    server.files["data.bin"] = CONTENT

    def fetch_one(
        sha256: str = SHA256, name: str = "data.bin", progress: Any = lambda done, total: None
    ) -> Path:
        return download(f"{server.address}/{name}", tmp_path / "data.bin", sha256, progress, pause=0)

    return fetch_one


def test_a_file_is_downloaded_and_progress_told(fetch: Any, tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []

    path = fetch(progress=lambda done, total: told.append((done, total)))

    assert path.read_bytes() == CONTENT
    assert [name.name for name in tmp_path.iterdir()] == ["data.bin"]
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert told == sorted(told)


def test_a_broken_connection_is_resumed_at_once(server: Any, fetch: Any) -> None:
    server.break_after = [100_000]

    assert fetch().read_bytes() == CONTENT

    assert server.asked[0] == ""
    assert server.asked[1].startswith("bytes=")
    assert 0 < int(server.asked[1][6:-1]) <= 100_000


def test_an_interrupted_download_is_kept_and_resumed_by_the_next_call(
    server: Any, fetch: Any, tmp_path: Path
) -> None:
    server.break_after = [200_000, 0, 0]
    with pytest.raises(InputError, match="was interrupted after") as caught:
        fetch()
    kept = (tmp_path / "data.bin.part").stat().st_size
    assert 0 < kept <= 200_000
    assert f"{kept:,} bytes" in caught.value.problem
    assert "goes on from there" in caught.value.cure
    assert not (tmp_path / "data.bin").exists()

    assert fetch().read_bytes() == CONTENT

    assert server.asked[-1] == f"bytes={kept}-"
    assert not (tmp_path / "data.bin.part").exists()


def test_a_server_that_ignores_ranges_starts_anew(server: Any, fetch: Any, tmp_path: Path) -> None:
    (tmp_path / "data.bin.part").write_bytes(CONTENT[:1000])
    server.ranges = False

    assert fetch().read_bytes() == CONTENT

    assert server.asked == ["bytes=1000-"]


def test_a_server_that_goes_on_elsewhere_is_asked_for_everything(
    server: Any, fetch: Any, tmp_path: Path
) -> None:
    (tmp_path / "data.bin.part").write_bytes(CONTENT[:1000])
    server.shift = 7

    assert fetch().read_bytes() == CONTENT

    assert server.asked == ["bytes=1000-", ""]


def test_a_complete_part_needs_only_its_checksum(fetch: Any, tmp_path: Path) -> None:
    (tmp_path / "data.bin.part").write_bytes(CONTENT)

    assert fetch().read_bytes() == CONTENT


def test_a_damaged_part_is_dropped_and_the_next_call_succeeds(fetch: Any, tmp_path: Path) -> None:
    (tmp_path / "data.bin.part").write_bytes(b"?" * 1000)
    with pytest.raises(InputError, match="Wrong checksum"):
        fetch()

    assert fetch().read_bytes() == CONTENT


def test_a_wrong_checksum_names_file_expected_got_and_cure_and_keeps_nothing(
    server: Any, fetch: Any, tmp_path: Path
) -> None:
    wrong = "0" * 64

    with pytest.raises(InputError) as caught:
        fetch(sha256=wrong)

    assert caught.value.source == str(tmp_path / "data.bin")
    assert caught.value.problem == f"Wrong checksum: expected sha256 {wrong}, got {SHA256}."
    assert f"{server.address}/data.bin" in caught.value.cure
    assert caught.value.exit_code == 2
    assert not list(tmp_path.iterdir())


def test_an_address_without_the_file_is_an_error(fetch: Any) -> None:
    with pytest.raises(InputError, match="answers 404") as caught:
        fetch(name="other.bin")

    assert "LODESTAR_DATA_MIRROR" in caught.value.cure


def test_an_address_without_a_server_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="was interrupted after 0 bytes"):
        download("http://127.0.0.1:9/data.bin", tmp_path / "x", SHA256, lambda done, total: None, pause=0)
