"""Versions of a model to serve and to break, made in a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from tests.contract.models import write_half_plus_two, write_manifest


def write_versions(folder: Path, numbers: range) -> None:
    """Write the versions side by side in `folder`, without TensorFlow running in this process."""
    command = [sys.executable, "-m", "tests.serving_versions", folder, numbers.start, numbers.stop]
    subprocess.run(list(map(str, command)), check=True)


def publish(source: Path, model_root: Path) -> Path:
    """Make a written version visible."""
    model_root.mkdir(parents=True, exist_ok=True)
    return source.rename(model_root / source.name)


def corrupt(version: Path, way: int) -> Path:
    """Break a version: its files do not match the manifest, or they do and are no model."""
    graph = version / "saved_model.pb"
    content = graph.read_bytes()
    if way % 2:
        graph.write_bytes(content[: len(content) // 2])
        write_manifest(version)
    else:
        graph.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    return version


def rss(pid: int) -> int:
    """Return the bytes that a process and its children have in memory."""
    own = _field(Path(f"/proc/{pid}/status"), "VmRSS") * 1024
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return own + sum(rss(int(child)) for child in children)


def forget_peak(pid: int) -> None:
    """Let `peak_rss` count from what a process has in memory now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak_rss(pid: int) -> int:
    """Return the most bytes that a process has had in memory."""
    return _field(Path(f"/proc/{pid}/status"), "VmHWM") * 1024


def _field(path: Path, name: str) -> int:
    lines = path.read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


if __name__ == "__main__":
    first, last = map(int, sys.argv[2:])
    for number in range(first, last):
        write_half_plus_two(Path(sys.argv[1]) / str(number), slope=float(number), version=number)
