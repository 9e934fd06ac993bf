"""Text search from a BEIR folder to answers over REST and gRPC, and a new version without a restart."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
import requests
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from .conftest import Lodestar, states

FAMILY = "text-search"
SMALL = ("--set", "train.dimensions=64")
# Below any loss, so that every model passes: the push is what is tested.
LENIENT = ("--set", "evaluate.thresholds.live=-1", "--set", "evaluate.thresholds.baseline=-1")


@dataclass(frozen=True)
class Server:
    """A running `lodestar serve`."""

    process: subprocess.Popen[str]
    rest: str
    grpc: str

    def event(self, kind: str) -> dict:
        """Return the next event of a kind; the events before it are read over."""
        for line in self.process.stdout:
            event = json.loads(line)
            if event["kind"] == kind:
                return event
        raise AssertionError(f"the server ended before it said `{kind}`")


@pytest.fixture(scope="module")
def pushed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lodestar, dict]:
    lodestar = Lodestar(tmp_path_factory.mktemp("home"))
    return lodestar, lodestar.run(FAMILY, "--set", "train.encoder=bm25")


@pytest.fixture(scope="module")
def server(pushed: tuple[Lodestar, dict]) -> Iterator[Server]:
    environment = {**os.environ, "LODESTAR_HOME": str(pushed[0].home)}
    command = [
        sys.executable,
        "-m",
        "pipelines",
        "serve",
        "-o",
        "json",
        "--rest-port",
        "0",
        "--grpc-port",
        "0",
    ]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment, cwd=pushed[0].code
    )
    words = Server(process, "", "").event("listening")["detail"].split()
    yield Server(process, words[1], words[3])
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0


def test_run_blesses_an_encoder_that_beats_tfidf(pushed) -> None:
    lodestar, result = pushed
    metrics = json.loads(Path(result["metrics"]).read_text())["metrics"]
    assert set(states(result).values()) == {"done"}
    assert metrics["ndcg@10"]["value"] > metrics["ndcg@10"]["baseline"]
    assert lodestar.versions(FAMILY) == ["1"]


def test_rest_and_grpc_give_the_same_ranking_for_a_plain_query(server: Server) -> None:
    query = "stem cells differentiate into neurons"
    url = f"{server.rest}/v1/models/{FAMILY}:predict"
    [row] = requests.post(url, json={"instances": [query]}, timeout=30).json()["predictions"]
    request = predict_pb2.PredictRequest()
    request.model_spec.name = FAMILY
    request.inputs["query"].CopyFrom(tf.make_tensor_proto([query]))
    with grpc.insecure_channel(server.grpc) as channel:
        answer = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=30)
    assert answer.model_spec.version.value == 1
    ids = [value.decode() for value in tf.make_ndarray(answer.outputs["ids"])[0]]
    scores = tf.make_ndarray(answer.outputs["scores"])[0]
    assert row["ids"] == ids
    assert row["scores"] == pytest.approx(scores.tolist(), rel=1e-5)
    assert list(scores) == sorted(scores, reverse=True)


def test_query_prints_a_ranked_table_with_titles(pushed, server: Server) -> None:
    done = pushed[0]("query", FAMILY, "stem", "cells", "-k", "3", "--server", server.rest, "-o", "json")
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)["results"]
    assert [row["rank"] for row in results] == [1, 2, 3]
    assert all(row["title"] for row in results)


def test_new_version_is_followed_without_a_restart(pushed, server: Server) -> None:
    lodestar, _ = pushed
    result = lodestar.run(FAMILY, *SMALL, *LENIENT)
    done = {node for node, state in states(result).items() if state == "done"}
    assert done == {"Trainer", "Evaluator", "Pusher"}
    assert server.event("loaded")["version"] == 2
    status = requests.get(f"{server.rest}/v1/models/{FAMILY}", timeout=30).json()["model_version_status"]
    assert {entry["version"]: entry["state"] for entry in status}["2"] == "AVAILABLE"


def test_collection_without_training_queries_runs(pushed, text_folder: Path, tmp_path: Path) -> None:
    lodestar = Lodestar(tmp_path / "home")
    bare = tmp_path / "bare"
    (bare / "qrels").mkdir(parents=True)
    for name in ("corpus.jsonl", "queries.jsonl", "qrels/test.tsv"):
        (bare / name).write_bytes((text_folder / name).read_bytes())
    result = lodestar.run(FAMILY, "--data", str(bare), *SMALL, *LENIENT)
    assert set(states(result).values()) == {"done"}
    assert lodestar.versions(FAMILY) == ["1"]
