"""HTTP connections that cannot be held open for nothing: time for each phase, a cap, a gentle end.

uvicorn gives an idle connection some seconds but waits for ever for the rest of a request that has begun, and
for a client that does not read its answer.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

_CLOSE = (b"connection", b"close")
# A client that reads slower than this does not read at all.
_LEAST_BYTES = 32 * 1024
# After SIGTERM an idle connection stays open this long: a request may be on its way.
_LINGER_SECONDS = 0.5


@dataclass(frozen=True)
class ConnectionLimits:
    """What all connections of a server share.

    Attributes:
        head_seconds: How long the head of a request may take to arrive.
        body_seconds: The same for its body.
        most: Connections at once. A new one beyond that closes the one that has waited longest for its
            client, or is refused when every client waits for us.
        waiting: The connections that wait for their client, longest first.
    """

    head_seconds: float
    body_seconds: float
    most: int
    waiting: dict[LimitedProtocol, None] = field(default_factory=dict)


class LimitedProtocol(H11Protocol):
    """One connection.

    Args:
        limits: What it shares with the others.
        arguments: What uvicorn makes its protocols with.
    """

    def __init__(self, *, limits: ConnectionLimits, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._limits = limits
        self._timer: asyncio.TimerHandle | None = None
        self._reading = ""
        self._stalled: asyncio.TimerHandle | None = None
        self._draining = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, within the cap."""
        super().connection_made(transport)
        if len(self.connections) > self._limits.most:
            oldest = next(iter(self._limits.waiting), None)
            if oldest is None:
                self._refuse(503, "The server has no connection left.")
                return
            oldest.give_up()
        self._read("head")

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._read("")
        self._limits.waiting.pop(self, None)
        if self._stalled is not None:
            self._stalled.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes; the first of a request start its clock."""
        if self.transport.is_closing():
            return
        if self.conn.their_state is h11.IDLE and self._reading != "head":
            self._read("head")
        super().data_received(data)

    def handle_events(self) -> None:
        """Start and stop the clocks of what is still to come."""
        super().handle_events()
        state = self.conn.their_state
        if state is h11.SEND_BODY:
            self._read("body")
        elif state is not h11.IDLE:
            self._read("")
            self._limits.waiting.pop(self, None)
        if self._draining and self.cycle is not None and not self.cycle.response_started:
            self._end_after_answer()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        if self.conn.their_state is h11.IDLE:
            self._limits.waiting[self] = None

    def shutdown(self) -> None:
        """End the connection after the request under way, or after one that is just arriving."""
        self._draining = True
        if self.cycle is None or self.cycle.response_complete:
            self.loop.call_later(_LINGER_SECONDS, self._end_if_idle)
        else:
            self._end_after_answer()

    def pause_writing(self) -> None:
        """Watch whether the client reads its answer at all."""
        super().pause_writing()
        self._watch(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """Stop watching."""
        if self._stalled is not None:
            self._stalled.cancel()
        super().resume_writing()

    def give_up(self) -> None:
        """Close the connection because its client does not send what it began, or nothing."""
        if self._reading:
            self._refuse(408, f"The {self._reading} of the request did not arrive in time.")
        else:
            self.transport.close()
        self._limits.waiting.pop(self, None)

    def _read(self, what: str) -> None:
        """Start the clock for `what`, once; stop the one for anything else."""
        if what == self._reading:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._reading = what
        if what:
            seconds = self._limits.head_seconds if what == "head" else self._limits.body_seconds
            self._timer = self.loop.call_later(seconds, self.give_up)
            self._limits.waiting.pop(self, None)
            self._limits.waiting[self] = None

    def _refuse(self, status: int, message: str) -> None:
        if self.transport.is_closing():
            return
        if self.cycle is None or not self.cycle.response_started or self.cycle.response_complete:
            body = b'{\n    "error": "%s"\n}' % message.encode()
            head = f"HTTP/1.1 {status} {_REASONS[status]}\r\nconnection: close\r\n"
            head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
            self.transport.write(head.encode() + body)
        self.transport.close()

    def _watch(self, left: int) -> None:
        self._stalled = self.loop.call_later(self._limits.head_seconds, self._check_progress, left)

    def _check_progress(self, left: int) -> None:
        now_left = self.transport.get_write_buffer_size()
        if left - now_left < _LEAST_BYTES:
            self.transport.abort()
        else:
            self._watch(now_left)

    def _end_after_answer(self) -> None:
        self.cycle.keep_alive = False
        if _CLOSE not in self.cycle.default_headers:
            self.cycle.default_headers = [*self.cycle.default_headers, _CLOSE]

    def _end_if_idle(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()


_REASONS = {408: "Request Timeout", 503: "Service Unavailable"}
