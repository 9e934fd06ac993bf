"""Data sets are fetched from the network or a mirror, verified, and found by name or path."""

from __future__ import annotations

import gzip
import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

from components.datasets import catalogue
from components.datasets.catalogue import Dataset, Part, find_dataset, list_datasets, load_catalogue
from components.datasets.fetch import fetch, resolve, verify
from components.errors import InputError, LodestarError

RATINGS = b"1,2,3\n" * 1000
README = b"Read me.\n"


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("tiny/ratings.csv", RATINGS)
        archive.writestr("tiny/script.sh", "not wanted")
    return buffer.getvalue()


@pytest.fixture
def tiny(server: Any, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """A data set of an archive and a file on the test's server, the only one in the catalogue."""
    archive = zipped()
    server.files.update({"tiny.zip": archive, "README": README})
    dataset = Dataset(
        name="tiny",
        title="Tiny",
        licence="None",
        citation="None",
        home=server.address,
        downloads=(
            Part(name="tiny.zip", url=f"{server.address}/tiny.zip", sha256=sha(archive), unpack="tiny"),
            Part(name="README", url=f"{server.address}/README", sha256=sha(README)),
        ),
        mirror=(Part(name="ratings.csv", sha256=sha(RATINGS)), Part(name="README", sha256=sha(README))),
        files={"ratings.csv": sha(RATINGS), "README": sha(README)},
    )
    _use(monkeypatch, dataset)
    monkeypatch.delenv("LODESTAR_DATA_MIRROR", raising=False)
    return dataset


def _use(monkeypatch: pytest.MonkeyPatch, dataset: Dataset) -> None:
    entry = dataset.model_dump(mode="json", exclude={"name"})
    monkeypatch.setattr(catalogue, "_text", lambda: catalogue.yaml.safe_dump({dataset.name: entry}))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_fetched_data_is_verified_and_leaves_nothing_else(tiny: Dataset, tmp_path: Path) -> None:
    folder = fetch("tiny", tmp_path)

    assert names(folder) == ["README", "SHA256SUMS", "ratings.csv"]
    assert (folder / "ratings.csv").read_bytes() == RATINGS
    assert verify("tiny", tmp_path).files == 2
    assert not list((tmp_path / ".fetching").iterdir())


def test_a_second_fetch_downloads_nothing(tiny: Dataset, server: Any, tmp_path: Path) -> None:
    fetch("tiny", tmp_path)
    asked = len(server.asked)

    fetch("tiny", tmp_path)

    assert len(server.asked) == asked


def test_damaged_data_fails_verification_and_is_fetched_again(tiny: Dataset, tmp_path: Path) -> None:
    path = fetch("tiny", tmp_path) / "ratings.csv"
    path.write_bytes(RATINGS[:-1] + b"!")

    with pytest.raises(InputError, match="Wrong checksum") as caught:
        verify("tiny", tmp_path)
    assert caught.value.source == str(path)
    assert "lodestar data fetch tiny" in caught.value.cure

    fetch("tiny", tmp_path)
    assert path.read_bytes() == RATINGS


def test_an_interrupted_fetch_shows_nothing_and_is_resumed(
    tiny: Dataset, server: Any, tmp_path: Path
) -> None:
    del server.files["README"]
    with pytest.raises(InputError, match="answers 404"):
        fetch("tiny", tmp_path)
    assert not (tmp_path / "tiny").exists()
    server.files["README"] = README
    asked = len(server.asked)

    assert (fetch("tiny", tmp_path) / "README").read_bytes() == README

    assert len(server.asked) == asked + 1


def test_contents_other_than_the_catalogue_says_are_refused(
    tiny: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _use(monkeypatch, tiny.model_copy(update={"files": {"ratings.csv": "1" * 64}}))

    with pytest.raises(InputError, match=f"expected sha256 {'1' * 64}, got {sha(RATINGS)}"):
        fetch("tiny", tmp_path)

    assert not (tmp_path / "tiny").exists()


def test_a_mirror_is_used_instead_of_the_network(
    tiny: Dataset, server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = tmp_path / "mirror"
    (mirror / "tiny").mkdir(parents=True)
    (mirror / "tiny/ratings.csv").write_bytes(RATINGS)
    (mirror / "tiny/README").write_bytes(README)
    monkeypatch.setenv("LODESTAR_DATA_MIRROR", str(mirror))

    fetch("tiny", tmp_path / "home")

    assert verify("tiny", tmp_path / "home").files == 2
    assert not server.asked


@pytest.mark.parametrize(("content", "problem"), [(None, "The file is missing"), (b"?", "Wrong checksum")])
def test_a_mirror_without_the_right_file_is_an_error(
    tiny: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, problem: str
) -> None:
    (tmp_path / "mirror/tiny").mkdir(parents=True)
    if content:
        (tmp_path / "mirror/tiny/ratings.csv").write_bytes(content)
    monkeypatch.setenv("LODESTAR_DATA_MIRROR", str(tmp_path / "mirror"))

    with pytest.raises(InputError, match=problem) as caught:
        fetch("tiny", tmp_path / "home")

    assert "LODESTAR_DATA_MIRROR" in caught.value.cure


def test_without_checksums_in_the_catalogue_what_was_fetched_is_recorded(
    tiny: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _use(monkeypatch, tiny.model_copy(update={"files": {}}))
    folder = fetch("tiny", tmp_path)
    assert verify("tiny", tmp_path).files == 3

    (folder / "script.sh").unlink()

    with pytest.raises(InputError, match="The file is missing"):
        verify("tiny", tmp_path)


def test_a_folder_that_cannot_be_written_is_a_failure_and_no_bad_input(tiny: Dataset, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("in the way")

    with pytest.raises(LodestarError, match="cannot be written") as caught:
        fetch("tiny", tmp_path / "home")

    assert caught.value.exit_code == 1


def test_what_was_never_fetched_cannot_be_verified(tiny: Dataset, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not in") as caught:
        verify("tiny", tmp_path)

    assert "lodestar data fetch tiny" in caught.value.cure


def test_a_source_is_a_sample_a_path_a_url_or_a_data_set(tiny: Dataset, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    home, sample = tmp_path / "home", tmp_path / "sample"

    assert resolve("sample", home, sample) == str(sample)
    assert resolve(str(tmp_path / "mine"), home, sample) == str(tmp_path / "mine")
    assert resolve("gs://bucket/set", home, sample) == "gs://bucket/set"
    assert resolve("tiny", home, sample) == str(home / "tiny")


@pytest.mark.parametrize(
    ("source", "near"), [("tinny", "tiny"), ("{}/mien", "{}/mine"), ("simple", "sample")]
)
def test_an_unknown_source_suggests_the_nearest(
    tiny: Dataset, tmp_path: Path, source: str, near: str
) -> None:
    (tmp_path / "mine").mkdir()

    with pytest.raises(InputError, match="neither a file or folder nor a data set") as caught:
        resolve(source.format(tmp_path), tmp_path / "home", tmp_path)

    assert f"Did you mean `{near.format(tmp_path)}`?" in caught.value.cure


def test_the_catalogue_is_valid_and_says_what_may_be_done_with_the_data() -> None:
    found = {dataset.name: dataset for dataset in list_datasets()}

    assert {"ml-100k", "ml-1m", "ml-latest-small", "scifact", "glove-6b-50d"} <= set(found)
    for dataset in found.values():
        assert dataset.licence
        assert dataset.citation
        assert all(part.url.startswith("https://") for part in dataset.downloads)


def test_an_unknown_data_set_suggests_the_nearest() -> None:
    with pytest.raises(InputError, match="no data set `ml100k`") as caught:
        find_dataset("ml100k")

    assert "Did you mean `ml-100k`?" in caught.value.cure


@pytest.mark.parametrize("name", ["../x", "/x", ""])
def test_a_catalogue_cannot_write_outside_its_folder(tiny: Dataset, name: str) -> None:
    entry = tiny.model_dump(mode="json", exclude={"name"})
    entry["downloads"][0]["name"] = name

    with pytest.raises(ValueError, match="inside the data set's folder"):
        load_catalogue(catalogue.yaml.safe_dump({"tiny": entry}))


@pytest.mark.parametrize(
    ("family", "name"), [("matrix_factorization", "ml-latest-small"), ("text_search", "scifact")]
)
def test_samples_have_the_contents_of_the_catalogue(family: str, name: str) -> None:
    sample = Path(catalogue.__file__).parents[1] / "models" / family / "sample"
    dataset = find_dataset(name)
    pinned = dict(dataset.files) or {part.name: part.sha256 for part in dataset.mirror}
    checked = 0
    for file, expected in pinned.items():
        packed = sample / f"{file}.gz"
        if packed.exists():
            assert sha(gzip.decompress(packed.read_bytes())) == expected
            checked += 1
        elif (sample / file).exists():
            assert sha((sample / file).read_bytes()) == expected
            checked += 1
    assert checked >= 3
