"""The newest kfp SDK: it has protocol buffers of its own, and so needs an environment of its own."""

from __future__ import annotations

import functools
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


@functools.cache
def newest_kfp() -> tuple[str, ...]:
    """Return the start of a command that runs Python with kfp >= 2.14; skip when no index can be reached."""
    # The second is where `make setup` puts it on a machine that has none.
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(__file__).parents[1] / ".uv/bin"))
    assert uv, "uv is what makes the environment"
    command = (uv, "run", "--quiet", "--isolated", "--no-project", "--python", sys.executable)
    command += ("--with", "kfp>=2.14", "--with", "kfp-kubernetes>=2.14", "python")
    ready = subprocess.run([*command, "-c", "import kfp"], capture_output=True, text=True, cwd="/")
    if ready.returncode:
        pytest.skip(f"the package index is out of reach: {ready.stderr.strip().splitlines()[-1]}")
    return command
