"""The files of a data set are found by their usual names, or as the settings name them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.errors import InputError
from components.ingest import tables
from components.ingest.layouts import Layout, find_layout
from components.ingest.settings import InteractionsData, RatingsData


def layout(source: Path, **changes: Any) -> Layout:
    data = {"source": str(source), "rating_range": [1, 5], "split": {"method": "random"}, **changes}
    return find_layout(RatingsData.model_validate(data))


def names(found: Layout) -> list[str]:
    return [Path(path).name for path in found.files()]


def touch(folder: Path, *files: str) -> Path:
    for file in files:
        (folder / file).write_text("x")
    return folder


def test_ml_100k_is_known_by_its_names(tmp_path: Path) -> None:
    found = layout(touch(tmp_path, "u.data", "u.item", "u.user", "u.genre", "u1.base"))

    assert names(found) == ["u.data", "u.item", "u.user"]
    assert found.items
    assert found.items.table is tables.ML_100K_ITEMS
    assert found.items.encoding == "latin-1"


def test_ml_100k_folds_are_read_with_its_tables(tmp_path: Path) -> None:
    source = touch(tmp_path, "u.data", "u.item", "u.user", "u1.base", "u1.test")

    found = layout(source, split={"method": "files", "train": "u1.base", "eval": "u1.test"})

    assert names(found) == ["u1.base", "u1.test", "u.item", "u.user"]
    assert [file.split for file in found.interactions] == ["train", "eval"]


def test_ml_1m_is_known_by_its_names(tmp_path: Path) -> None:
    found = layout(touch(tmp_path, "ratings.dat", "movies.dat", "users.dat"))

    assert names(found) == ["ratings.dat", "movies.dat", "users.dat"]
    assert found.users
    assert found.users.table is tables.ML_1M_USERS


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        (["ratings.csv", "movies.csv", "links.csv", "tags.csv"], ["ratings.csv", "movies.csv"]),
        (["interactions.tsv", "items.tsv", "users.tsv"], ["interactions.tsv", "items.tsv", "users.tsv"]),
        (["Ratings.csv.gz"], ["Ratings.csv.gz"]),
        (["ratings.dat"], ["ratings.dat"]),
    ],
)
def test_any_folder_with_usual_names_is_read(tmp_path: Path, there: list[str], expected: list[str]) -> None:
    assert names(layout(touch(tmp_path, *there))) == expected


def test_a_single_file_is_read_alone(tmp_path: Path) -> None:
    assert names(layout(touch(tmp_path, "log.txt", "movies.csv") / "log.txt")) == ["log.txt"]


def test_settings_name_files_in_the_source_or_anywhere(tmp_path: Path) -> None:
    source = touch(tmp_path, "log.txt", "things.csv", "ratings.csv")

    found = layout(source, ratings="log.txt", items=str(tmp_path / "things.csv"))

    assert names(found) == ["log.txt", "things.csv"]


@pytest.mark.parametrize(
    ("there", "changes", "problem", "cure"),
    [
        (["notes.txt"], {}, "no file of ratings in", "Set `data.ratings`"),
        (["ratings.csv", "ratings.tsv"], {}, "which file of", "--set data.ratings=ratings.csv"),
        (["ratings.csv", "movies.csv", "items.csv"], {}, "which file of", "--set data.items=items.csv"),
        (["ratings.csv"], {"items": "item.csv"}, "There is no", "`data.items`"),
        (
            ["fold1.csv"],
            {"split": {"method": "files", "train": "fold1.csv", "eval": "fold2.csv"}},
            "no `",
            "fold1.csv",
        ),
    ],
)
def test_unclear_or_missing_files_are_errors(
    tmp_path: Path, there: list[str], changes: dict[str, Any], problem: str, cure: str
) -> None:
    with pytest.raises(InputError) as caught:
        layout(touch(tmp_path, *there), **changes)

    assert problem in caught.value.problem
    assert cure in caught.value.cure


def test_a_missing_source_suggests_the_nearest_name(tmp_path: Path) -> None:
    (tmp_path / "ml-100k").mkdir()

    with pytest.raises(InputError, match=r"There is no `.*/ml-10k`") as caught:
        layout(tmp_path / "ml-10k")

    assert f"Did you mean `{tmp_path}/ml-100k`?" in caught.value.cure


def test_a_file_of_interactions_is_named_by_its_own_setting(write: Callable[..., str]) -> None:
    source = Path(write("clicks.tsv", "x")).parent
    data = InteractionsData(source=str(source), interactions="clicks.tsv", split={"method": "random"})  # type: ignore[arg-type]

    assert names(find_layout(data)) == ["clicks.tsv"]
