"""Where runs, models, data and logs are kept: a folder of a laptop, or the volume of a cluster."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from components.errors import InputError


@dataclass(frozen=True)
class Home:
    """The state folder: everything that Lodestar writes is below it.

    Attributes:
        root: `LODESTAR_HOME`, or `.lodestar` in the current folder.
    """

    root: Path

    @classmethod
    def find(cls) -> Home:
        """Return the home that the environment names; it is made when something is first written."""
        root = Path(os.environ.get("LODESTAR_HOME", ".lodestar")).expanduser().resolve()
        if root.exists() and not root.is_dir():
            raise InputError(
                "Lodestar's home is a file.", source=str(root), cure="Set LODESTAR_HOME to a folder."
            )
        return cls(root)

    @property
    def metadata(self) -> Path:
        """Return the SQLite file of ML Metadata."""
        return self.root / "metadata.sqlite"

    @property
    def serving(self) -> Path:
        """Return the serving root: `<family>/<version>` below it."""
        return self.root / "serving"

    @property
    def data(self) -> Path:
        """Return the folder of fetched data sets."""
        return self.root / "data"

    @property
    def logs(self) -> Path:
        """Return the folder of run and server logs."""
        return self.root / "logs"

    def pipeline_root(self, name: str) -> Path:
        """Return the folder of one pipeline's artifacts."""
        return self.root / "pipelines" / name
