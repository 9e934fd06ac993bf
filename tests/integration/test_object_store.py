"""A run whose data and artifacts are in an S3 bucket, from a real S3 server on the loopback interface."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from components import artifact

from .conftest import Lodestar, states

FAMILY = "matrix-factorization"
BUCKET = "lodestar-artifacts"
QUICK = ("--set", "train.dimensions=4", "--set", "train.epochs=30", "--data", f"s3://{BUCKET}/ratings")


@pytest.fixture(scope="module")
def store(ratings_folder: Path) -> Iterator[Any]:
    """Return a client of a store that the environment names, with the ratings in it."""
    # Thousands of requests would hide what a failed test has to say.
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "reader")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("LODESTAR_PIPELINE_ROOT", f"s3://{BUCKET}/team")
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        for path in ratings_folder.iterdir():
            client.upload_file(str(path), BUCKET, f"ratings/{path.name}")
        yield client
    server.stop()


@pytest.fixture(scope="module")
def first(store: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Lodestar, dict]:
    lodestar = Lodestar(tmp_path_factory.mktemp("home"))
    return lodestar, lodestar.run(FAMILY, *QUICK)


def keys(store: Any) -> list[str]:
    pages = store.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="team/")
    return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


def test_run_ends_with_a_model_in_the_serving_folder(first) -> None:
    lodestar, result = first
    assert set(states(result).values()) == {"done"}
    version = lodestar.home / "serving" / FAMILY / "1"
    artifact.verify(version)
    assert (version / "saved_model.pb").is_file()


def test_artifacts_are_in_the_bucket_and_not_at_home(first, store) -> None:
    lodestar, result = first
    nodes = {key.split("/")[3] for key in keys(store) if key.count("/") > 3}
    assert {"Ingest", "StatisticsGen", "Transform", "Trainer", "Evaluator"} <= nodes
    assert not (lodestar.home / "pipelines").exists()
    made = {node["node"]: node["made"] for node in result["nodes"]}
    assert "transform graph 0 B" not in made["Transform"]


def test_report_and_metrics_are_where_the_result_says(first, store) -> None:
    _, result = first
    prefix = f"s3://{BUCKET}/"
    metrics, report = (
        store.get_object(Bucket=BUCKET, Key=result[name].removeprefix(prefix))["Body"].read()
        for name in ("metrics", "report")
    )
    assert json.loads(metrics)["decision"]["blessed"] is True
    # The trainer's curves are in the store too.
    assert report.count(b"<svg") == 2


def test_second_run_reuses_every_node(first) -> None:
    lodestar, _ = first
    assert set(states(lodestar.run(FAMILY, *QUICK)).values()) == {"reused"}


def test_bucket_that_is_not_there_ends_the_run_before_its_first_node(
    store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LODESTAR_PIPELINE_ROOT", "s3://no-such-bucket/team")
    done = Lodestar(tmp_path)("run", FAMILY, *QUICK)
    assert done.returncode == 2
    assert "s3://no-such-bucket/team" in done.stderr
    assert "Check the bucket" in done.stderr
    assert "Ingest" not in done.stdout
