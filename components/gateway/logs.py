"""Logs as lines of JSON."""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import IO, Any

REQUESTS = "lodestar.gateway.requests"


class JsonLines(logging.Formatter):
    """One JSON object per record; `extra={"fields": {...}}` adds to it."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; a caller's text cannot break it in two."""
        when = datetime.fromtimestamp(record.created, timezone.utc)
        line: dict[str, Any] = {
            "time": when.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields: Mapping[str, Any] = getattr(record, "fields", {})
        line |= {name: value for name, value in fields.items() if value is not None}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def log_to(stream: IO[str] | None = None) -> None:
    """Send the records of all loggers to `stream`, standard error by default."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = name != "uvicorn.access"
    threading.excepthook = _log_thread


def _log_thread(arguments: threading.ExceptHookArgs) -> None:
    failure = (arguments.exc_type, arguments.exc_value, arguments.exc_traceback)
    logging.getLogger(__name__).error("A thread failed", exc_info=failure)  # type: ignore[arg-type]
