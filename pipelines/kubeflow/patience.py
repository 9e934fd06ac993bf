"""Repeat calls of ML Metadata while it is away, for a bounded time."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import TypeVar

from ml_metadata import errors

from pipelines.kubeflow.failure import MetadataUnavailable

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 15.0
# What a connection says when its server goes away in the middle of a call, beside UNAVAILABLE.
_GONE = re.compile(
    r"mysql_real_connect|errno: (20(02|03|06|13)|1040)\b|RST_STREAM|Stream removed|Socket closed"
)

Result = TypeVar("Result")


class Patience:
    """How long failing calls are repeated: after 0.5 s, 1 s, 2 s, ... 15 s, until the time is up.

    Args:
        place: What does not answer, for messages.
        cure: What to do when the time is up.
        wait_s: How long in all, counted anew after each success.
        sleep: Waits for so many seconds.
        clock: Returns seconds that only grow.
        say: Tells the user.
    """

    def __init__(
        self,
        place: str,
        cure: str,
        wait_s: float,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        say: Callable[[str], None] = print,
    ) -> None:
        self._place, self._cure, self._wait_s = place, cure, wait_s
        self._sleep, self._clock, self._say = sleep, clock, say
        self.seconds = 0.0

    def run(self, call: Callable[[], Result], again: Callable[[], None]) -> Result:
        """Return what `call` returns; `again` is called before each repetition.

        Raises:
            MetadataUnavailable: It did not succeed in time.
        """
        start, pause = self._clock(), _FIRST_PAUSE_S
        try:
            while True:
                try:
                    return call()
                except (errors.StatusError, RuntimeError) as error:
                    self._pause(error, self._wait_s - (self._clock() - start), pause)
                pause = min(2 * pause, _LONGEST_PAUSE_S)
                again()
        finally:
            self.seconds += self._clock() - start

    def _pause(self, error: Exception, left_s: float, pause_s: float) -> None:
        if not _is_away(error):
            raise error
        reason = next(iter(str(error).splitlines()), "").rstrip(". ") or type(error).__name__
        if left_s <= 0:
            raise MetadataUnavailable(
                f"{self._place} has not answered for {self._wait_s:g} s: {reason}.", cure=self._cure
            ) from error
        pause_s = min(pause_s, left_s)
        self._say(
            f"{self._place} does not answer ({reason}); next try in {pause_s:g} s, last in {left_s:.0f} s"
        )
        self._sleep(pause_s)


def _is_away(error: Exception) -> bool:
    if isinstance(error, errors.UnavailableError | errors.DeadlineExceededError):
        return True
    return bool(_GONE.search(str(error)))
