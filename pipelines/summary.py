"""One line on what a node made."""

from __future__ import annotations

from collections.abc import Mapping

from tfx import types

from components.object_store import folder_size

_SUMMARY = "summary"
# Of a node's outputs, those worth a word; Transform alone has eight.
_SHOWN = ("statistics", "transform_graph", "transformed_examples", "model", "model_run")


def summarize(outputs: Mapping[str, types.Artifact]) -> str:
    """Return the node's own summary, or the sizes of its main outputs.

    A node leaves its summary as the custom property `summary` of an output artifact.
    """
    for artifact in outputs.values():
        own = artifact.get_string_custom_property(_SUMMARY)
        if own:
            return str(own)
    shown = (key for key in _SHOWN if key in outputs)
    return ", ".join(f"{key.replace('_', ' ')} {format_size(folder_size(outputs[key].uri))}" for key in shown)


def format_size(size: float) -> str:
    """Return a size for people, e.g. `12.3 MB` (powers of 1000)."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
