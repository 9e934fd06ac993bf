"""Where things are kept: folders at home, and artifacts wherever the environment says."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.errors import InputError
from components.home import Home, is_uri


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LODESTAR_HOME", str(tmp_path))
    monkeypatch.delenv("LODESTAR_PIPELINE_ROOT", raising=False)


def test_artifacts_are_at_home(tmp_path: Path) -> None:
    assert Home.find().pipeline_root("a") == str(tmp_path / "pipelines" / "a")


@pytest.mark.parametrize("root", ["s3://bucket/team", "s3://bucket/team/", "gs://bucket"])
def test_artifacts_can_be_in_a_store(root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LODESTAR_PIPELINE_ROOT", root)
    home = Home.find()
    assert home.pipeline_root("a") == f"{root.rstrip('/')}/pipelines/a"
    assert (home.serving, home.sweeps) == (tmp_path / "serving", tmp_path / "sweeps")


def test_artifacts_can_be_in_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LODESTAR_PIPELINE_ROOT", "elsewhere")
    assert Home.find().pipeline_root("a") == str(tmp_path / "elsewhere" / "pipelines" / "a")


def test_home_in_a_store_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LODESTAR_HOME", "s3://bucket/home")
    with pytest.raises(InputError, match="s3://bucket/home") as caught:
        Home.find()
    assert "LODESTAR_PIPELINE_ROOT" in caught.value.cure


def test_home_that_is_a_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("LODESTAR_HOME", str(file))
    with pytest.raises(InputError, match="is a file"):
        Home.find()


@pytest.mark.parametrize(("path", "answer"), [("s3://b/x", True), ("/b/x", False), ("b", False)])
def test_uri_is_told_from_a_path(path: str, answer: bool) -> None:
    assert is_uri(path) is answer
