"""Ratings, items and users from delimited files."""

from __future__ import annotations

from components.ingest.ratings import files, read

__all__ = ["files", "read"]
