"""What has been changed, by whom: one line of JSON per change."""

from __future__ import annotations

import getpass
import json
import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Literal

Action = Literal["deploy", "canary", "promote", "rollback", "failed"]


@dataclass(frozen=True)
class Change:
    """One change of a family's deployment.

    Attributes:
        family: Whose.
        action: What was done; `failed` when it could not be.
        before: The stable version before; None when there was none.
        after: The version that it was about.
        percent: The share of a canary.
        by: Who did it.
        reason: Why it failed.
        ts: When, ISO 8601 in UTC.
        revision: The deployment's revision after it.
    """

    family: str
    action: Action
    before: int | None
    after: int | None
    percent: int | None = None
    by: str = ""
    reason: str = ""
    ts: str = ""
    revision: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "ts": self.ts,
            "revision": self.revision,
            "family": self.family,
            "action": self.action,
            "from": self.before,
            "to": self.after,
            "percent": self.percent,
            "by": self.by,
            "reason": self.reason,
        }

    def line(self) -> str:
        """Return it as a line of a history, with the line feed."""
        return json.dumps(self.as_json(), ensure_ascii=False) + "\n"


def read_lines(lines: Iterable[str]) -> list[Change]:
    """Return the changes of a history; a line that was not written to its end is left out."""
    values = (json.loads(line) for line in lines if line.rstrip().endswith("}"))
    return [
        Change(
            family=value["family"],
            action=value["action"],
            before=value["from"],
            after=value["to"],
            percent=value["percent"],
            by=value["by"],
            reason=value["reason"],
            ts=value["ts"],
            revision=value["revision"],
        )
        for value in values
    ]


def now() -> str:
    """Return the time for `Change.ts`."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def whoami() -> str:
    """Return who is at work here, for `Change.by`."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # A container's user has a number alone.
        name = str(os.getuid())
    return f"{name}@{socket.gethostname()}"
