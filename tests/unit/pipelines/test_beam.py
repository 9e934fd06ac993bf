"""What the user says of Beam's runner -> Beam's arguments, and one clear error for what cannot work."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.errors import InputError
from components.home import Home
from pipelines.beam import job_server
from pipelines.beam.options import RUNNERS, beam_args, parse_options

POM = Path(job_server.__file__).with_name("pom.xml")
SPARK = "org.apache.beam.runners.spark.SparkJobServerDriver"
DATAFLOW = ["project=p", "region=europe-west1", "temp_location=gs://b/tmp", "sdk_container_image=i"]


def test_direct_runner_adds_nothing() -> None:
    assert beam_args("direct", []) == []


def test_options_reach_beam_in_their_order() -> None:
    args = beam_args("direct", ["direct_num_workers=2", "direct_running_mode=multi_processing"])
    assert args == [
        "--runner=DirectRunner",
        "--direct_num_workers=2",
        "--direct_running_mode=multi_processing",
    ]


def test_switch_has_no_value() -> None:
    assert beam_args("dataflow", [*DATAFLOW, "streaming"])[-1] == "--streaming"


def test_dataflow_says_all_that_is_missing_at_once() -> None:
    with pytest.raises(InputError, match="project, temp_location, sdk_container_image") as caught:
        beam_args("dataflow", ["region=europe-west1"])
    assert "--beam-option temp_location=" in caught.value.cure


def test_dataflow_takes_our_code_as_a_package_too() -> None:
    assert "--setup_file=./setup.py" in beam_args("dataflow", [*DATAFLOW[:3], "setup_file=./setup.py"])


@pytest.mark.parametrize("runner", ["flink", "spark"])
def test_runner_needs_a_job_server(runner: str) -> None:
    with pytest.raises(InputError, match=f"`{runner}` needs more: job_endpoint"):
        beam_args(runner, [])


@pytest.mark.parametrize(
    ("runner", "option"),
    [
        ("spark", "spark_master_url=spark://head:7077"),
        ("flink", "flink_master=head:8081"),
        ("flink", "job_endpoint=head:8099"),
    ],
)
def test_cluster_needs_to_know_how_to_run_python(runner: str, option: str) -> None:
    options = [option, f"{runner}_job_server_jar=x.jar"]
    with pytest.raises(InputError, match=re.escape(option.partition("=")[2])) as caught:
        beam_args(runner, options)
    assert "environment_type" in caught.value.cure
    assert beam_args(runner, [*options, "environment_type=DOCKER"])


@pytest.mark.parametrize("master", ["local", "local[2]", "local[*]"])
def test_local_master_runs_python_here(master: str) -> None:
    assert beam_args("spark", [f"spark_master_url={master}", "spark_job_server_jar=x.jar"])


@pytest.mark.parametrize("text", ["", "=1", "--region=x", "Region=x", "re gion=x"])
def test_option_without_a_name_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is not KEY=VALUE"):
        parse_options([text])


def test_runner_is_not_an_option() -> None:
    with pytest.raises(InputError, match="SparkRunner") as caught:
        parse_options(["runner=SparkRunner"])
    assert "--beam-runner" in caught.value.cure


def test_value_that_beam_refuses_is_named() -> None:
    with pytest.raises(InputError, match="'two'"):
        beam_args("direct", ["direct_num_workers=two"])


@given(st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True), st.text())
def test_value_is_kept_as_it_is(name: str, value: str) -> None:
    if name != "runner":
        assert parse_options([f"{name}={value}"]) == [(name, value)]


def jar(path: Path, main: str = SPARK, version: str = "2.62.0") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        # Java breaks lines at 72 bytes.
        title = f"Main-Class: {main}"
        text = (
            f"Manifest-Version: 1.0\r\n{title[:40]}\r\n {title[40:]}\r\nImplementation-Version: {version}\r\n"
        )
        archive.writestr("META-INF/MANIFEST.MF", text)
    return path


@pytest.fixture
def java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a `java` that is alone on the PATH and says that it is version 17."""
    monkeypatch.delenv(job_server.JAR, raising=False)
    path = tmp_path / "bin" / "java"
    path.parent.mkdir()
    says(path, "17.0.15")
    monkeypatch.setenv("PATH", str(path.parent))
    return path


def says(java: Path, version: str) -> None:
    java.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-04-15' >&2\n", encoding="utf-8")
    java.chmod(0o755)


@pytest.mark.usefixtures("java")
def test_jar_that_make_built_is_found(tmp_path: Path) -> None:
    made = jar(tmp_path / "beam" / "spark-job-server.jar")
    args = job_server.local_beam_args("spark", [], Home(tmp_path))
    assert args[:2] == [f"--runner={RUNNERS['spark']}", f"--spark_job_server_jar={made}"]
    # Spark 3 does not start on Java 17 without.
    assert "--job_server_jvm_properties=--add-opens=java.base/sun.nio.ch=ALL-UNNAMED" in args


@pytest.mark.usefixtures("java")
def test_environment_names_another_jar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = jar(tmp_path / "other.jar")
    monkeypatch.setenv(job_server.JAR, str(other))
    assert f"--spark_job_server_jar={other}" in job_server.local_beam_args("spark", [], Home(tmp_path))


@pytest.mark.usefixtures("java")
def test_option_comes_before_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(job_server.JAR, "/nowhere.jar")
    option = f"spark_job_server_jar={jar(tmp_path / 'third.jar')}"
    args = job_server.local_beam_args("spark", [option], Home(tmp_path))
    assert [arg for arg in args if "server_jar" in arg] == [f"--{option}"]


def test_running_job_server_needs_neither_java_nor_jar(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    options = ["job_endpoint=localhost:8099", "environment_type=LOOPBACK"]
    assert job_server.local_beam_args("flink", options, Home(tmp_path))[0] == "--runner=FlinkRunner"


@pytest.mark.parametrize(
    ("runner", "command"), [("spark", "make beam-jar"), ("flink", "mvn dependency:copy")]
)
@pytest.mark.usefixtures("java")
def test_missing_jar_says_what_fetches_it(tmp_path: Path, runner: str, command: str) -> None:
    with pytest.raises(InputError, match=f"no job server for the Beam runner `{runner}`") as caught:
        job_server.local_beam_args(runner, [], Home(tmp_path))
    assert command in caught.value.cure


@pytest.mark.usefixtures("java")
def test_jar_of_the_other_runner_is_refused(tmp_path: Path) -> None:
    option = f"flink_job_server_jar={jar(tmp_path / 'spark.jar')}"
    with pytest.raises(InputError, match=r"not the job server of `flink`.*Spark"):
        job_server.local_beam_args("flink", [option], Home(tmp_path))


@pytest.mark.usefixtures("java")
def test_jar_older_than_what_is_tested_is_refused(tmp_path: Path) -> None:
    option = f"spark_job_server_jar={jar(tmp_path / 'old.jar', version='2.9.0')}"
    with pytest.raises(InputError, match=r"of Beam 2\.9\.0"):
        job_server.local_beam_args("spark", [option], Home(tmp_path))


@pytest.mark.usefixtures("java")
def test_half_a_jar_is_refused(tmp_path: Path) -> None:
    whole = jar(tmp_path / "half.jar")
    whole.write_bytes(whole.read_bytes()[:40])
    with pytest.raises(InputError, match="not a jar"):
        job_server.local_beam_args("spark", [f"spark_job_server_jar={whole}"], Home(tmp_path))


def test_no_java_says_what_installs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="there is no `java`") as caught:
        job_server.local_beam_args("spark", [], Home(tmp_path))
    assert "install" in caught.value.cure


@pytest.mark.parametrize(("version", "major"), [("1.8.0_412", "8"), ("21.0.2", "21")])
def test_java_that_spark_does_not_run_on_is_refused(
    tmp_path: Path, java: Path, version: str, major: str
) -> None:
    says(java, version)
    with pytest.raises(InputError, match=f"is Java {major}"):
        job_server.local_beam_args("spark", [], Home(tmp_path))


def test_oldest_job_server_is_the_one_that_is_built() -> None:
    built = re.search(r"<beam.version>(\d+)\.(\d+)", POM.read_text(encoding="utf-8"))
    assert built is not None
    assert tuple(map(int, built.groups())) == job_server._OLDEST
