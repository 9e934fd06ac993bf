"""Beam's job server for Spark and Flink on this machine: a jar and the Java that runs it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from components.errors import InputError
from components.home import Home
from pipelines.beam.options import beam_args, parse_options

JAR = "LODESTAR_BEAM_JAR"
# What the job servers of the newest Spark 3 and Flink 1 run on.
_JAVA = (11, 17)
# The oldest that ran every data node; the one that pom.xml builds.
_OLDEST = (2, 62)
_MAIN = {
    "spark": "org.apache.beam.runners.spark.SparkJobServerDriver",
    "flink": "org.apache.beam.runners.flink.FlinkJobServerDriver",
}
# What Spark's own launcher opens of the modules of Java 17.
_OPENED = (
    *("java.lang", "java.lang.invoke", "java.lang.reflect", "java.io", "java.net", "java.nio", "java.util"),
    *("java.util.concurrent", "java.util.concurrent.atomic", "jdk.internal.ref", "sun.nio.ch", "sun.nio.cs"),
    *("sun.security.action", "sun.util.calendar"),
)


def local_beam_args(runner: str, options: Sequence[str], home: Home) -> list[str]:
    """Return Beam's arguments for a run on this machine, with the job server that the runner needs.

    The jar is the option `<runner>_job_server_jar`, else LODESTAR_BEAM_JAR, else for Spark what `make
    beam-jar` made. With the option `job_endpoint`, none is started.

    Raises:
        InputError: An option is wrong, or there is no Java or no jar that fits.
    """
    return beam_args(runner, [*options, *_job_server(runner, options, home)])


def _job_server(runner: str, options: Sequence[str], home: Home) -> list[str]:
    given = dict(parse_options(options))
    if runner not in _MAIN or "job_endpoint" in given:
        return []
    _check_java(given.get("job_server_java_launcher", "java"))
    option = f"{runner}_job_server_jar"
    jar = given.get(option) or str(_find_jar(runner, home))
    if "://" not in jar:
        _check_jar(runner, Path(jar))
    opened = [f"job_server_jvm_properties=--add-opens=java.base/{name}=ALL-UNNAMED" for name in _OPENED]
    return [*([] if option in given else [f"{option}={jar}"]), *opened]


def _check_java(launcher: str) -> None:
    path = shutil.which(launcher)
    if path is None:
        raise InputError(
            f"Beam's job server needs Java, and there is no `{launcher}`.",
            cure="Install it, e.g. `apt-get install openjdk-17-jre-headless`.",
        )
    said = subprocess.run([path, "-version"], capture_output=True, text=True, check=False).stderr  # noqa: S603 - the user's own Java
    found = re.search(r'version "(?:1\.)?(\d+)', said)
    if found is None or int(found[1]) not in _JAVA:
        raise InputError(
            f"`{path}` is Java {found[1] if found else 'of an unknown version'}.",
            cure=f"Beam's job server runs on Java {' or '.join(map(str, _JAVA))}: name one with "
            "--beam-option job_server_java_launcher=PATH.",
        )


def _find_jar(runner: str, home: Home) -> Path:
    made = home.root / "beam" / f"{runner}-job-server.jar"
    jar = Path(os.environ.get(JAR, made)).expanduser()
    if not jar.is_file():
        raise InputError(
            f"There is no job server for the Beam runner `{runner}`.", source=str(jar), cure=_fetch(runner)
        )
    return jar


def _fetch(runner: str) -> str:
    if runner == "spark":
        return f"Type `make beam-jar`, or set {JAR} to one."
    artifact = f"org.apache.beam:beam-runners-flink-1.20-job-server:{version('apache-beam')}"
    return f"Type `mvn dependency:copy -Dartifact={artifact} -DoutputDirectory=.` and set {JAR} to the file."


def _check_jar(runner: str, jar: Path) -> None:
    manifest = _manifest(jar, runner)
    main = manifest.get("Main-Class", "")
    if main != _MAIN[runner]:
        raise InputError(
            f"This is not the job server of `{runner}`: it starts {main or 'nothing'}.",
            source=str(jar),
            cure=_fetch(runner),
        )
    found = manifest.get("Implementation-Version", "")
    numbers = tuple(int(part) for part in re.findall(r"\d+", found)[:2])
    if numbers and numbers < _OLDEST:
        raise InputError(
            f"The job server is of Beam {found}, and must be of {'.'.join(map(str, _OLDEST))} or newer.",
            source=str(jar),
            cure=_fetch(runner),
        )


def _manifest(jar: Path, runner: str) -> dict[str, str]:
    try:
        with zipfile.ZipFile(jar) as archive:
            text = archive.read("META-INF/MANIFEST.MF").decode("utf-8")
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(
            f"This is not a jar: {str(error).rstrip('.')}.", source=str(jar), cure=_fetch(runner)
        ) from None
    # Long lines go on after a line break and a space.
    lines = text.replace("\r\n", "\n").replace("\n ", "").splitlines()
    return dict(line.split(": ", 1) for line in lines if ": " in line)
