"""A family is one folder: a copy under a new name is listed and runs, with no edit anywhere else."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from .conftest import REPOSITORY, Lodestar, states


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    files = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "pipelines", "hparam", "components"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    target = tmp_path / "checkout"
    for name in files:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, target / name)
    return target


def test_copied_family_runs_under_its_new_name(checkout: Path, tmp_path: Path, ratings_folder: Path) -> None:
    models = checkout / "components" / "models"
    shutil.copytree(models / "matrix_factorization", models / "film_taste")
    shutil.rmtree(models / "matrix_factorization")
    lodestar = Lodestar(tmp_path / "home", checkout)
    assert "film-taste" in lodestar("list").stdout
    result = lodestar.run("film-taste", "--data", str(ratings_folder), "--set", "train.dimensions=4")
    assert set(states(result).values()) == {"done"}
    assert lodestar.versions("film-taste") == ["1"]
