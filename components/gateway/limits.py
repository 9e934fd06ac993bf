"""How much one caller may ask."""

from __future__ import annotations

import math
import time

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from components.errors import InputError


class RateLimit:
    """A moving window per caller, in this process.

    Args:
        text: E.g. `50/second` or `1000/minute`; empty: no limit.

    Raises:
        InputError: It is no such thing.
    """

    def __init__(self, text: str) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._item: RateLimitItem | None = None
        if text:
            try:
                self._item = parse(text)
            except ValueError:
                raise InputError(
                    f"`--rate-limit {text}` is no rate.", cure="Give e.g. 50/second, 1000/minute or ''."
                ) from None

    def wait_seconds(self, caller: str) -> int:
        """Count a request and return 0, or after how many seconds the caller may ask again."""
        if self._item is None or self._limiter.hit(self._item, caller):
            return 0
        reset = self._limiter.get_window_stats(self._item, caller).reset_time
        return max(1, math.ceil(reset - time.time()))
