"""When a call that failed is tried again: soon, on another replica, and never as a flood."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import grpc

T = TypeVar("T")

# A call that reaches a replica while it ends comes back as CANCELLED; nobody here cancels one.
_RETRIED = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)


@dataclass
class Budget:
    """Bounds the share of calls that are retries, as gRPC's retry throttling does.

    A failure costs a token, a success gives back a tenth; there are no retries while fewer than half of the
    tokens are left. So a server that is down for all is not asked several times as often.
    """

    tokens: float = 200.0
    _left: float = field(init=False)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._left = self.tokens

    def succeeded(self) -> None:
        """Count a call that was answered."""
        with self._lock:
            self._left = min(self.tokens, self._left + 0.1)

    def failed(self) -> bool:
        """Count a call that failed and return whether it may be tried again."""
        with self._lock:
            self._left = max(0.0, self._left - 1.0)
            return self._left > self.tokens / 2


@dataclass(frozen=True)
class Retry:
    """The rule.

    Attributes:
        attempts: Calls at most, the first one included.
        pause_seconds: Before the second call; doubles with each further one, half of it is drawn.
        draw: Returns a number in [0, 1).
        sleep: Waits.
        clock: Seconds that only grow.
    """

    attempts: int = 6
    pause_seconds: float = 0.02
    draw: Callable[[], float] = random.random
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def call(
        self, function: Callable[[float], T], seconds: float, budget: Budget, retried: Callable[[], None]
    ) -> T:
        """Return what `function(seconds left)` returns.

        Args:
            function: One call; it is repeatable.
            seconds: For all attempts together.
            budget: Shared by the calls to one address.
            retried: Told of each further attempt.

        Raises:
            grpc.RpcError: Of the last attempt, or one that no other replica would answer better.
        """
        end = self.clock() + seconds
        pause = self.pause_seconds
        for attempt in range(1, self.attempts + 1):
            try:
                answer = function(max(0.001, end - self.clock()))
            except grpc.RpcError as error:
                wait = pause * (0.5 + 0.5 * self.draw())
                spent = attempt == self.attempts or self.clock() + wait >= end
                if error.code() not in _RETRIED or not budget.failed() or spent:
                    raise
                self.sleep(wait)
                pause *= 2
                retried()
            else:
                budget.succeeded()
                return answer
        raise AssertionError("unreachable")
