"""Send an error as an answer, from below the application."""

from __future__ import annotations

import json

from starlette.types import Send

from .errors import GatewayError


async def refuse(send: Send, error: GatewayError) -> None:
    """Answer with the error and end the exchange."""
    body = json.dumps(error.body()).encode()
    headers = {
        "content-type": "application/json",
        "content-length": str(len(body)),
        **{name.lower(): value for name, value in error.headers.items()},
    }
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": error.status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
