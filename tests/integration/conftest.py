"""Run `lodestar` as a user does: a process, a home, data on disk."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from components.family import find_family

REPOSITORY = Path(__file__).parents[2]
# In the order of the pipeline.
NODES = (
    "Ingest",
    "Schema",
    "StatisticsGen",
    "ExampleValidator",
    "Transform",
    "Trainer",
    "Evaluator",
    "Pusher",
)


@dataclass(frozen=True)
class Lodestar:
    """The command line with a home of its own."""

    home: Path
    code: Path = REPOSITORY

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "LODESTAR_HOME": str(self.home)}
        command = [sys.executable, "-m", "pipelines", *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, cwd=self.code, env=environment, timeout=600
        )

    def run(self, family: str, *arguments: str) -> dict:
        """Return the JSON of a run that must succeed."""
        done = self("run", family, "-o", "json", *arguments)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def versions(self, family: str) -> list[str]:
        folder = self.home / "serving" / family
        return (
            sorted(path.name for path in folder.iterdir() if path.name.isdecimal()) if folder.is_dir() else []
        )


def states(result: dict) -> dict[str, str]:
    """Return node -> state."""
    return {node["node"]: node["state"] for node in result["nodes"]}


@pytest.fixture(scope="session")
def ratings_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return 80 users x 50 items, 60 % rated, from a rank-2 model with little noise."""
    folder = tmp_path_factory.mktemp("ratings")
    rng = np.random.default_rng(11)
    users, items = rng.normal(size=(80, 2)), rng.normal(size=(50, 2))
    rating = np.clip(3 + users @ items.T + rng.normal(scale=0.2, size=(80, 50)), 0.5, 5)
    rows = [
        f"u{u},i{i},{rating[u, i]:.2f},{1000 + u * 50 + i}"
        for u, i in np.argwhere(rng.random((80, 50)) < 0.6)
    ]
    (folder / "ratings.csv").write_text("\n".join(["userId,movieId,rating,timestamp", *rows]) + "\n")
    titles = [f"i{i},Film {i},Drama|Comedy" for i in range(50)]
    (folder / "movies.csv").write_text("\n".join(["movieId,title,genres", *titles]) + "\n")
    return folder


@pytest.fixture(scope="session")
def text_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a BEIR folder with the first 600 documents of the sample and the queries that they answer."""
    sample = find_family("text-search").folder / "sample"
    folder = tmp_path_factory.mktemp("text")
    (folder / "qrels").mkdir()
    with gzip.open(sample / "corpus.jsonl.gz", "rt", encoding="utf-8") as file:
        documents = [line for line, _ in zip(file, range(600), strict=False)]
    known = {json.loads(line)["_id"] for line in documents}
    (folder / "corpus.jsonl").write_text("".join(documents), encoding="utf-8")
    (folder / "queries.jsonl").write_text(
        (sample / "queries.jsonl").read_text(encoding="utf-8"), encoding="utf-8"
    )
    for name in ("train.tsv", "test.tsv"):
        header, *rows = (sample / "qrels" / name).read_text().splitlines()
        kept = [row for row in rows if row.split("\t")[1] in known]
        (folder / "qrels" / name).write_text("\n".join([header, *kept]) + "\n")
    return folder
