"""Which version answers a request: the one asked for, else stable, or canary for its share."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from components.serving.errors import UNKNOWN_LABEL

from .deployments import Deployed, DeploymentFile
from .predictor import NEWEST, PredictorError, Which

T = TypeVar("T")

STABLE, CANARY = Which(label="stable"), Which(label="canary")
_REMEMBER_SECONDS = 1.0
_LOAD_WAIT = ("NOT_FOUND", "FAILED_PRECONDITION")


@dataclass(frozen=True)
class Ask:
    """What a caller wants, and who it is.

    Attributes:
        model: The model's name.
        which: `NEWEST` leaves the choice to the router.
        key: Stands for the caller: one caller always meets the same version.
    """

    model: str
    which: Which
    key: str = ""


class Router:
    """Chooses.

    A model whose labels the server does not know is asked without one, which is remembered for a second.

    Args:
        deployments: What is stable and what is canary.
        clock: Seconds that only grow.
    """

    def __init__(self, deployments: DeploymentFile, clock: Callable[[], float] = time.monotonic) -> None:
        self._deployments = deployments
        self._clock = clock
        self._lock = threading.Lock()
        self._unlabelled: dict[str, float] = {}

    def deployed(self, model: str) -> Deployed:
        """Return what is stable and what is canary."""
        return self._deployments.of(model)

    def send(self, ask: Ask, call: Callable[[Which], T]) -> tuple[Which, T]:
        """Return the version that was asked in the end, and what `call` returned for it.

        Raises:
            PredictorError: Of the last version that was tried.
        """
        *first, last = self._routes(ask)
        for which in first:
            try:
                return which, call(which)
            except PredictorError as error:
                if not self._gives_way(which, error):
                    raise
                if which == STABLE:
                    self._remember(ask.model)
        return last, call(last)

    def _routes(self, ask: Ask) -> list[Which]:
        if ask.which != NEWEST:
            return [ask.which]
        with self._lock:
            labelled = self._clock() >= self._unlabelled.get(ask.model, 0.0)
        canary = self._deployments.of(ask.model).canary
        routes = [CANARY] if canary and share(ask.model, ask.key) < canary.percent else []
        return [*routes, *([STABLE] if labelled else []), NEWEST]

    def _gives_way(self, which: Which, error: PredictorError) -> bool:
        # A canary that has just been taken back must not fail anybody's request.
        return UNKNOWN_LABEL in error.message or (which == CANARY and error.code in _LOAD_WAIT)

    def _remember(self, model: str) -> None:
        with self._lock:
            self._unlabelled[model] = self._clock() + _REMEMBER_SECONDS


def share(model: str, key: str) -> float:
    """Return where a caller stands between 0 and 100; the same for the same model and key."""
    digest = hashlib.blake2b(f"{model}\0{key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64 * 100
