"""Read a text collection in BEIR form."""

from __future__ import annotations

from components.ingest.beir import files, read

__all__ = ["files", "read"]
