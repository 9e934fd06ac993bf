"""Where runs, models, data and logs are kept: a folder of a laptop, or the volume of a cluster."""

from __future__ import annotations

import os
import posixpath
from dataclasses import dataclass
from pathlib import Path

from components.errors import InputError


@dataclass(frozen=True)
class Home:
    """The state folder: what Lodestar writes is below it; artifacts may be elsewhere.

    Attributes:
        root: `LODESTAR_HOME`, or `.lodestar` in the current folder.
        artifacts: Where pipelines keep theirs: `LODESTAR_PIPELINE_ROOT`, a folder or URI; empty: the root.
    """

    root: Path
    artifacts: str = ""

    @classmethod
    def find(cls) -> Home:
        """Return the home that the environment names; it is made when something is first written."""
        given = os.environ.get("LODESTAR_HOME", ".lodestar")
        if is_uri(given):
            raise InputError(
                f"Lodestar's home is `{given}`: models are served from a folder.",
                source="LODESTAR_HOME",
                cure="Set it to a folder, and LODESTAR_PIPELINE_ROOT to the URI for the artifacts.",
            )
        root = Path(given).expanduser().resolve()
        if root.exists() and not root.is_dir():
            raise InputError(
                "Lodestar's home is a file.", source=str(root), cure="Set LODESTAR_HOME to a folder."
            )
        return cls(root, os.environ.get("LODESTAR_PIPELINE_ROOT", ""))

    @property
    def metadata(self) -> Path:
        """Return the SQLite file of ML Metadata."""
        return self.root / "metadata.sqlite"

    @property
    def serving(self) -> Path:
        """Return the serving root: `<family>/<version>` below it."""
        return self.root / "serving"

    @property
    def feedback(self) -> Path:
        """Return the folder of what users of the gateway did: one folder per family below it."""
        return self.root / "feedback"

    @property
    def data(self) -> Path:
        """Return the folder of fetched data sets."""
        return self.root / "data"

    @property
    def logs(self) -> Path:
        """Return the folder of run and server logs."""
        return self.root / "logs"

    @property
    def sweeps(self) -> Path:
        """Return the folder of sweeps: one folder each below it."""
        return self.root / "sweeps"

    @property
    def pipelines(self) -> str:
        """Return the folder or URI of all pipelines' artifacts."""
        root = self.artifacts or str(self.root)
        return posixpath.join(root if is_uri(root) else Path(root).expanduser().resolve(), "pipelines")

    def pipeline_root(self, name: str) -> str:
        """Return the folder or URI of one pipeline's artifacts."""
        return posixpath.join(self.pipelines, name)


def is_uri(path: str) -> bool:
    """Return whether `path` is in an object store and not on disk."""
    return "://" in path
