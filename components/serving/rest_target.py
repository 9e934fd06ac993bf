"""Read what a REST path names, by TensorFlow Serving's grammar."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from .errors import invalid

_TARGET = r"(?:(?:/versions/(\d+))|(?:/labels/([^/:]+)))?"
_PREDICT = re.compile(rf"/v1/models/([^/:]+){_TARGET}:(classify|regress|predict)", re.IGNORECASE | re.ASCII)
_STATUS = re.compile(rf"/v1/models(?:/([^/:]+))?{_TARGET}(?:/(metadata))?", re.IGNORECASE | re.ASCII)
_PATTERNS = {"POST": _PREDICT, "GET": _STATUS}
# Unlike the path around it, what to do is looked up as it is written.
_ACTIONS = frozenset(("classify", "regress", "predict", "metadata", ""))
_MAX_VERSION = 2**63 - 1


@dataclass(frozen=True)
class Target:
    """What a path names.

    Attributes:
        model: The model's name; empty when the path has none.
        version: None for the newest.
        label: A version label; empty when the path has none.
        action: What follows the model: `predict`, `classify`, `regress`, `metadata` or nothing.
    """

    model: str
    version: int | None
    label: str
    action: str


def parse_target(method: str, path: str) -> Target:
    """Return what `path` (still percent-encoded) asks for.

    Raises:
        ServingError: INVALID_ARGUMENT: no such method and path.
    """
    pattern = _PATTERNS.get(method)
    match = pattern.fullmatch(path) if pattern else None
    if match is None:
        raise invalid(f"Malformed request: {method} {path}")
    model, version, label, action = (group or "" for group in match.groups())
    target = Target(unquote(model), _version(version) if version else None, unquote(label), action)
    if action not in _ACTIONS:
        raise invalid(f"Malformed request: {method} {path}")
    return target


def _version(text: str) -> int:
    digits = text.lstrip("0") or "0"
    if len(digits) > len(str(_MAX_VERSION)) or int(digits) > _MAX_VERSION:
        raise invalid(f"Failed to convert version: {text} to numeric.")
    return int(digits)
