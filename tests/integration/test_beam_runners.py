"""The data nodes on Beam's Spark runner: a real local session, the same artifacts as the direct runner's."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
import tensorflow_data_validation as tfdv
import tensorflow_transform as tft
from google.protobuf.json_format import MessageToDict

from components.models.matrix_factorization import transform

from .conftest import REPOSITORY, Lodestar, states

FAMILY = "matrix-factorization"
SPLITS = ("train", "eval", "items", "users")
DATA_NODES = ("Ingest", "StatisticsGen", "Transform")
QUICK = ("--set", "train.dimensions=4", "--set", "train.epochs=30")
# What Maven says when the registry, and not the build, is to blame.
UNREACHABLE = ("Could not transfer", "Could not find artifact", "Unknown host", "Non-resolvable")


@pytest.fixture(scope="module")
def job_server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the job server that LODESTAR_BEAM_JAR names, or build it as a user does."""
    if os.environ.get("LODESTAR_BEAM_JAR"):
        return Path(os.environ["LODESTAR_BEAM_JAR"])
    for program in ("java", "mvn"):
        if shutil.which(program) is None:
            pytest.skip(f"there is no {program}")
    home = tmp_path_factory.mktemp("job-server")
    made = subprocess.run(
        ["make", "beam-jar"],
        cwd=REPOSITORY,
        env={**os.environ, "LODESTAR_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    said = made.stdout + made.stderr
    if made.returncode and any(words in said for words in UNREACHABLE):
        pytest.skip("the Java package registry cannot be reached")
    assert made.returncode == 0, said
    return home / "beam" / "spark-job-server.jar"


@pytest.fixture(scope="module")
def direct(tmp_path_factory: pytest.TempPathFactory, ratings_folder: Path) -> tuple[Lodestar, dict]:
    lodestar = Lodestar(tmp_path_factory.mktemp("direct"))
    return lodestar, lodestar.run(FAMILY, "--data", str(ratings_folder), *QUICK)


@pytest.fixture(scope="module")
def spark(
    tmp_path_factory: pytest.TempPathFactory, ratings_folder: Path, job_server: Path
) -> tuple[Lodestar, dict]:
    lodestar = Lodestar(tmp_path_factory.mktemp("spark"))
    events(lodestar).mkdir()
    options = (
        f"spark_job_server_jar={job_server}",
        "job_server_jvm_properties=-Dspark.eventLog.enabled=true",
        f"job_server_jvm_properties=-Dspark.eventLog.dir={events(lodestar).as_uri()}",
    )
    flags = [flag for option in options for flag in ("--beam-option", option)]
    return lodestar, lodestar.run(
        FAMILY, "--data", str(ratings_folder), *QUICK, "--beam-runner", "spark", *flags
    )


def events(lodestar: Lodestar) -> Path:
    """Return where Spark writes what it does, a file per application."""
    return lodestar.home / "spark-events"


def folder(run: tuple[Lodestar, dict], node: str, output: str) -> Path:
    [version] = (run[0].home / "pipelines" / FAMILY / node / output).iterdir()
    return version


def records(examples: Path, split: str) -> Counter[bytes]:
    files = [str(path) for path in (examples / f"Split-{split}").iterdir()]
    serialized = tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator()
    return Counter(tf.train.Example.FromString(r).SerializeToString(deterministic=True) for r in serialized)


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict | list):
        for key, child in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(child, f"{path}/{key}")
    else:
        yield path, value


def statistics(run: tuple[Lodestar, dict], split: str) -> dict[str, Any]:
    file = folder(run, "StatisticsGen", "statistics") / f"Split-{split}" / "FeatureStats.pb"
    [dataset] = MessageToDict(tfdv.load_stats_binary(str(file)))["datasets"]
    # Features come in no order.
    dataset["features"].sort(key=lambda feature: feature["path"]["step"])
    return dict(leaves(dataset))


def same(one: Any, other: Any) -> bool:
    # Sums over partitions round differently in the last digits.
    both = isinstance(one, float) and isinstance(other, float)
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12) if both else bool(one == other)


@pytest.mark.timeout(1200)
def test_spark_ran_the_data_nodes_and_the_model_is_pushed(spark) -> None:
    lodestar, result = spark
    assert set(states(result).values()) == {"done"}
    assert lodestar.versions(FAMILY) == ["1"]
    # By Spark's own account: an application per data node, and each had jobs that succeeded.
    applications = [path.read_text(encoding="utf-8") for path in events(lodestar).iterdir()]
    assert len(applications) >= len(DATA_NODES)
    assert all('"JobSucceeded"' in text for text in applications)


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize(("node", "output"), [("Ingest", "examples"), ("Transform", "transformed_examples")])
def test_examples_are_the_same_records(direct, spark, node: str, output: str, split: str) -> None:
    found = records(folder(spark, node, output), split)
    assert found == records(folder(direct, node, output), split)
    assert split == "users" or found


@pytest.mark.parametrize("split", SPLITS)
def test_statistics_are_the_same(direct, spark, split: str) -> None:
    found, expected = statistics(spark, split), statistics(direct, split)
    assert found.keys() == expected.keys()
    different = {
        name: (expected[name], value) for name, value in found.items() if not same(value, expected[name])
    }
    assert different == {}


def test_vocabularies_are_the_same(direct, spark) -> None:
    graphs = [
        tft.TFTransformOutput(str(folder(run, "Transform", "transform_graph"))) for run in (direct, spark)
    ]
    for name in (transform.USERS, transform.ITEMS):
        one, other = (graph.vocabulary_by_name(name) for graph in graphs)
        assert one == other
        assert one


def test_model_is_as_good(direct, spark) -> None:
    one, other = (
        json.loads(Path(result["metrics"]).read_text(encoding="utf-8"))["metrics"]["rmse"]["value"]
        for _, result in (direct, spark)
    )
    assert other == pytest.approx(one, abs=1e-3)


def test_outputs_of_one_runner_are_reused_under_another(spark, ratings_folder: Path) -> None:
    lodestar, _ = spark
    again = lodestar.run(FAMILY, "--data", str(ratings_folder), *QUICK)
    assert {node: states(again)[node] for node in DATA_NODES} == dict.fromkeys(DATA_NODES, "reused")
