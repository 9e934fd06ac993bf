"""Read a file of `manifests/`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from components.errors import InputError


def read_manifest(file: Path, what: str, cure: str) -> Any:
    """Return the content of a YAML file.

    Args:
        file: The file.
        what: What is in it, for the error.
        cure: What to do when it cannot be read.

    Raises:
        InputError: It cannot be read.
    """
    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"Cannot read {what}: {error.strerror}.", source=str(file), cure=cure) from None
