"""Names of runs, on a laptop and on a cluster."""

from __future__ import annotations

import secrets
from datetime import datetime, timezone


def fresh_run_name(family: str) -> str:
    """Return a name for a run: the family, the time (UTC) and four digits."""
    return f"{family}-{datetime.now(timezone.utc):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
