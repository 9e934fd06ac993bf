"""`lodestar doctor`."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from components.errors import LodestarError
from components.family import family_names, find_family
from components.home import Home
from pipelines.checks import Check, report
from pipelines.settings import load_settings

_PACKAGES = ("tensorflow", "tfx", "apache-beam", "kfp", "scikit-optimize", "tensorflow-serving-api", "dill")
_NEEDED_BYTES = 5 * 10**9
_PORTS = {
    8500: "lodestar serve --grpc-port",
    8501: "lodestar serve --rest-port",
    6006: "lodestar board --port",
}


def run(arguments: argparse.Namespace) -> int:
    """Print every check; 1 when something must be mended."""
    if arguments.cluster:
        # The clients of the cluster take half a second to import.
        from pipelines.verbs.doctor_cluster import checks

        return report(list(checks(arguments)), arguments.output)
    local = (*_python(), *_tools(), *_packages(), *_places(), *_ports(), *_families())
    return report(local, arguments.output)


def _python() -> Iterator[Check]:
    version = ".".join(map(str, sys.version_info[:3]))
    fine = sys.version_info[:2] == (3, 10)
    yield Check("Python 3.10", version, "" if fine else "Run `make setup`; TFX 1.16 needs Python 3.10.")


def _tools() -> Iterator[Check]:
    compiler = next(filter(None, map(shutil.which, ("c++", "g++", "clang++"))), "")
    cure = (
        "" if compiler else "Only needed to install: e.g. `apt-get install g++` or `xcode-select --install`."
    )
    yield Check("C++ compiler", compiler or "none", cure)


def _packages() -> Iterator[Check]:
    for name in _PACKAGES:
        try:
            yield Check(name, importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield Check(name, "not installed", "Run `make setup`.")


def _places() -> Iterator[Check]:
    home = Home.find().root
    existing = next(folder for folder in (home, *home.parents) if folder.exists())
    writable = os.access(existing, os.W_OK)
    yield Check("home", str(home), "" if writable else "Set LODESTAR_HOME to a folder that you can write to.")
    free = shutil.disk_usage(existing).free
    few = f"Free some space: runs need about {_NEEDED_BYTES / 1e9:.0f} GB."
    yield Check("free disk", f"{free / 1e9:.0f} GB", few if free < _NEEDED_BYTES else "")
    mirror = os.environ.get("LODESTAR_DATA_MIRROR")
    if mirror:
        gone = "" if Path(mirror).is_dir() else "Set LODESTAR_DATA_MIRROR to a folder, or unset it."
        yield Check("data mirror", mirror, gone)


def _ports() -> Iterator[Check]:
    for port, option in _PORTS.items():
        with socket.socket() as probe:
            taken = probe.connect_ex(("127.0.0.1", port)) == 0
        yield Check(
            f"port {port}",
            "in use" if taken else "free",
            f"If it is not yours: `{option} N`." if taken else "",
        )


def _families() -> Iterator[Check]:
    for name in family_names():
        try:
            load_settings(find_family(name))
        except LodestarError as error:
            yield Check(f"family {name}", "settings do not load", str(error))
        else:
            yield Check(f"family {name}", "settings load")
