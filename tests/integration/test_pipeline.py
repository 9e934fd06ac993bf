"""From raw data to pushed versions: what is re-used, what is blessed, what stops a run."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests

from components import artifact

from .conftest import NODES, Lodestar, states

FAMILY = "matrix-factorization"
QUICK = ("--set", "train.dimensions=4", "--set", "train.epochs=30")


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, ratings_folder: Path) -> tuple[Lodestar, dict]:
    lodestar = Lodestar(tmp_path_factory.mktemp("home"))
    return lodestar, lodestar.run(FAMILY, "--data", str(ratings_folder), *QUICK)


def test_first_run_goes_through_every_node_and_pushes(first) -> None:
    lodestar, result = first
    assert states(result) == dict.fromkeys(NODES, "done")
    version = lodestar.home / "serving" / FAMILY / "1"
    artifact.verify(version)
    metrics = json.loads(Path(result["metrics"]).read_text())
    assert metrics["decision"]["blessed"]
    assert metrics["metrics"]["rmse"]["value"] < metrics["metrics"]["rmse"]["baseline"]
    assert {"rmse", "mae", "ndcg@10"} <= set(metrics["metrics"])
    assert any("popularity" in name for name in metrics["slices"])
    assert any("activity" in name for name in metrics["slices"])
    assert "<svg" in Path(result["report"]).read_text()


def test_first_run_leaves_curves_graph_and_projector(first) -> None:
    lodestar, _ = first
    [projector] = (lodestar.home / "pipelines").rglob("projector_config.pbtxt")
    assert list((lodestar.home / "pipelines").rglob("events.out.tfevents.*"))
    [labels] = re.findall('metadata_path: "(.+)"', projector.read_text())
    assert "Film 7" in (projector.parent / labels).read_text()


def test_board_offers_scalars_graph_and_projector(first) -> None:
    lodestar, _ = first
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "LODESTAR_HOME": str(lodestar.home)}
    command = [sys.executable, "-m", "pipelines", "board", FAMILY, "--port", str(port)]
    board = subprocess.Popen(command, env=environment, cwd=lodestar.code, start_new_session=True)
    try:
        data = f"http://127.0.0.1:{port}/data"
        [run] = _get_when_ready(f"{data}/plugin/projector/runs")
        tensors = _get_when_ready(f"{data}/plugin/projector/info?run={quote(run, safe='')}")["embeddings"]
        assert tensors[0]["tensorShape"][0] == 50
        assert any("rmse" in tags for tags in _get_when_ready(f"{data}/plugin/scalars/tags").values())
        assert any(info["run_graph"] for info in _get_when_ready(f"{data}/plugin/graphs/info").values())
    finally:
        os.killpg(board.pid, signal.SIGTERM)
        board.wait(timeout=30)


def _get_when_ready(url: str) -> Any:
    # TensorBoard listens before it has read the logs, and answers with nothing until then.
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(requests.ConnectionError):
            response = requests.get(url, timeout=10)
            if response.ok and response.json():
                return response.json()
        time.sleep(0.05)
    raise AssertionError(f"nothing at {url}")


def test_second_run_reuses_every_node(first, ratings_folder: Path) -> None:
    lodestar, _ = first
    again = lodestar.run(FAMILY, "--data", str(ratings_folder), *QUICK)
    assert states(again) == dict.fromkeys(NODES, "reused")
    assert lodestar.versions(FAMILY) == ["1"]


def test_changed_training_setting_reuses_the_data_and_must_beat_the_live_version(
    first, ratings_folder: Path
) -> None:
    lodestar, _ = first
    worse = lodestar.run(
        FAMILY, "--data", str(ratings_folder), "--set", "train.dimensions=1", "--set", "train.epochs=1"
    )
    assert {node for node, state in states(worse).items() if state == "done"} == {
        "Trainer",
        "Evaluator",
        "Pusher",
    }
    decision = json.loads(Path(worse["metrics"]).read_text())["decision"]
    assert not decision["blessed"]
    assert worse["blessed"] is False
    assert "does not beat the live version's" in " ".join(decision["reasons"])
    assert worse["pushed"].startswith("not pushed")
    assert lodestar.versions(FAMILY) == ["1"]


def test_removed_version_is_pushed_again(first, ratings_folder: Path) -> None:
    lodestar, _ = first
    shutil.rmtree(lodestar.home / "serving" / FAMILY / "1")
    again = states(lodestar.run(FAMILY, "--data", str(ratings_folder), *QUICK))
    assert {node for node, state in again.items() if state == "done"} == {"Pusher"}
    assert lodestar.versions(FAMILY) == ["2"]
    last = states(lodestar.run(FAMILY, "--data", str(ratings_folder), *QUICK))
    assert last == dict.fromkeys(NODES, "reused")


def test_bad_row_stops_the_run_with_its_line_and_nothing_is_lost(
    first, ratings_folder: Path, tmp_path: Path
) -> None:
    lodestar, _ = first
    before = lodestar.versions(FAMILY)
    bad = shutil.copytree(ratings_folder, tmp_path / "bad")
    lines = (bad / "ratings.csv").read_text().splitlines()
    lines[7] = "u1,i1,high,1000"
    (bad / "ratings.csv").write_text("\n".join(lines))
    done = lodestar("run", FAMILY, "--data", str(bad))
    assert done.returncode == 2
    assert f"{bad / 'ratings.csv'}:8:" in done.stderr
    assert "high" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert lodestar.versions(FAMILY) == before


def test_anomaly_stops_the_run_and_names_feature_expected_and_seen(
    first, ratings_folder: Path, tmp_path: Path
) -> None:
    lodestar, _ = first
    schema = tmp_path / "schema.pbtxt"
    kinds = {"user_id": "BYTES", "item_id": "BYTES", "timestamp": "INT", "title": "BYTES", "genres": "BYTES"}
    features = [f'feature {{ name: "{name}" type: {kind} }}' for name, kind in kinds.items()]
    narrow = 'feature { name: "rating" type: FLOAT float_domain { min: 1 max: 4 } }'
    schema.write_text("\n".join([*features, narrow]))
    done = lodestar("run", FAMILY, "--data", str(ratings_folder), "--set", f"validation.schema_file={schema}")
    assert done.returncode == 2
    assert "ExampleValidator failed" in done.stdout
    assert "feature `rating`: expected FLOAT from 1 to 4; seen:" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "matrix-factorisation"], "Did you mean `matrix-factorization`?"),
        (["run", FAMILY, "--data", "no-such-set"], "neither a file or folder nor a data set"),
        (["run", FAMILY, "--set", "train.epochs=many", "--set", "serve.top_k=-1"], "2 settings are wrong"),
        (
            ["run", FAMILY, "--set", "validation.schema_file=nowhere.pbtxt"],
            "nowhere.pbtxt: Cannot read the schema",
        ),
        (["data", "fetch", "ml-100"], "Did you mean `ml-100k`?"),
        (["query", FAMILY, "words", "--user", "1"], "takes no words"),
    ],
)
def test_bad_argument_is_one_message_with_a_cure(tmp_path: Path, arguments: list[str], words: str) -> None:
    done = Lodestar(tmp_path)(*arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
