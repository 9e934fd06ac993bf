from __future__ import annotations

import shutil
from pathlib import Path
from typing import Literal

import pytest
from pydantic import Field

from components.errors import InputError
from components.family import Family, FamilySettings, Query, Section
from pipelines.settings import load_settings, read_yaml


class Data(Section):
    source: str


class Transform(Section):
    cap: int | None = None


class Train(Section):
    epochs: int = Field(gt=0)
    encoder: Literal["bm25", "tfidf", "lsa"]
    rate: float = 0.1


class Settings(FamilySettings):
    data: Data
    transform: Transform
    train: Train


DEFAULTS = """\
data:
  source: sample
transform: {}
train:
  epochs: 3
  encoder: bm25
evaluate:
  metric: rmse
  higher_is_better: false
  thresholds: {baseline: 0.0, live: 0.0}
serve:
  top_k: 10
"""


class FolderFamily(Family):
    """A family whose folder is given."""

    root: Path

    @property
    def folder(self) -> Path:
        return self.root


@pytest.fixture
def family(tmp_path: Path) -> Family:
    folder = tmp_path / "toy"
    folder.mkdir()
    (folder / "config.yaml").write_text(DEFAULTS)
    made = FolderFamily("components.models.toy", "Toy", "search", Settings, (), Query(), ("train",), "train")
    object.__setattr__(made, "root", folder)
    return made


def test_later_layers_win_and_the_rest_keeps_its_default(family: Family, tmp_path: Path) -> None:
    config = tmp_path / "mine.yaml"
    config.write_text("train:\n  epochs: 5\n  encoder: lsa\n")
    settings = load_settings(family, config, ["train.epochs=7", "transform.cap=10"])
    assert settings.train == Train(epochs=7, encoder="lsa")
    assert settings.transform.cap == 10
    assert settings.data.source == "sample"


def test_all_errors_come_at_once_with_their_places(family: Family, tmp_path: Path) -> None:
    config = tmp_path / "mine.yaml"
    config.write_text("train:\n  epochs: three\n  encoder: bm52\n  epoch: 4\nevaluate:\n  metric: rmse\n")
    with pytest.raises(InputError) as caught:
        load_settings(family, config, ["serve.top_k=0"])
    text = str(caught.value)
    assert "4 settings are wrong" in text
    assert f"{config}:2: `train.epochs` is 'three'" in text
    assert f"{config}:3: `train.encoder` is 'bm52'" in text
    assert "Did you mean `bm25`?" in text
    assert f"{config}:4: There is no setting `train.epoch`" in text
    assert "Did you mean `epochs`?" in text
    assert "--set serve.top_k=0: `serve.top_k` is 0" in text


def test_a_range_to_search_replaces_that_of_the_defaults(family: Family, tmp_path: Path) -> None:
    path = family.folder / "config.yaml"
    path.write_text(
        DEFAULTS + "search:\n  train:\n    rate: {uniform: [0, 1]}\n    epochs: {integer: [1, 9]}\n"
    )
    config = tmp_path / "mine.yaml"
    config.write_text("search:\n  train:\n    rate: {log_uniform: [0.1, 1]}\n")
    settings = load_settings(family, config, ["search.train.epochs=null"])
    assert settings.search == {"train": {"rate": {"log_uniform": [0.1, 1]}, "epochs": None}}


def test_missing_threshold_is_an_error_not_a_silent_no_push(family: Family) -> None:
    path = family.folder / "config.yaml"
    path.write_text(DEFAULTS.replace("{baseline: 0.0, live: 0.0}", "{baseline: 0.0}"))
    with pytest.raises(InputError, match=r"The setting `evaluate.thresholds.live` is missing"):
        load_settings(family)


def test_unknown_section_suggests_the_nearest(family: Family) -> None:
    with pytest.raises(InputError, match=r"(?s)no setting `trian`.*Did you mean `train`"):
        load_settings(family, None, ["trian.epochs=3"])


@pytest.mark.parametrize(
    ("text", "words", "line"),
    [
        ("train:\n  epochs: [1\n", "not YAML", 3),
        ("train:\n  epochs: 1\n  epochs: 2\n", "set twice", 3),
        ("- a\n- b\n", "not a mapping", 1),
        ("train: !!python/object/apply:os.system ['true']\n", "could not determine a constructor", None),
    ],
)
def test_bad_yaml_names_file_and_line(
    family: Family, tmp_path: Path, text: str, words: str, line: int | None
) -> None:
    config = tmp_path / "bad.yaml"
    config.write_text(text)
    with pytest.raises(InputError, match=words) as caught:
        load_settings(family, config)
    assert caught.value.source == str(config)
    if line:
        assert caught.value.line == line


def test_config_that_is_not_there_is_named(family: Family, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere.yaml: Cannot read the settings: No such file"):
        load_settings(family, tmp_path / "nowhere.yaml")


@pytest.mark.parametrize("override", ["train.epochs", "=3", "train..epochs=3", "train.epochs=[1"])
def test_malformed_override_is_quoted(family: Family, override: str) -> None:
    with pytest.raises(InputError) as caught:
        load_settings(family, None, [override])
    assert override in str(caught.value)


def test_every_leaf_knows_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a:\n  b: 1\n\n  c: [x, y]\nd: text\n")
    assert read_yaml(path) == [
        (("a", "b"), 1, f"{path}:2"),
        (("a", "c"), ["x", "y"], f"{path}:4"),
        (("d",), "text", f"{path}:5"),
    ]
    shutil.rmtree(tmp_path)
