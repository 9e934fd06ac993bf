"""Kubernetes resource quantities: `500m` of a CPU, `2Gi` of memory."""

from __future__ import annotations

import re
from decimal import Decimal

_FORM = re.compile(r"(\d+(?:\.\d+)?|\.\d+)(m|k|[MGTPE]|[KMGTPE]i)?")
_POWERS = {"K": 1, "k": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}


def parse_quantity(text: str) -> Decimal:
    """Return the number that `text` stands for, in cores or bytes.

    Raises:
        ValueError: It is not a positive quantity.
    """
    match = _FORM.fullmatch(text)
    number = Decimal(match[1]) * _scale(match[2] or "") if match else Decimal(0)
    if number <= 0:
        raise ValueError(f"`{text}` is not a quantity above 0 such as 500m, 2 or 4Gi")
    return number


def _scale(suffix: str) -> Decimal:
    if suffix == "m":
        return Decimal("0.001")
    return Decimal(1024 if suffix.endswith("i") else 1000) ** _POWERS.get(suffix[:1], 0)
