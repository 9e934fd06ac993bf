"""Propose points beside the controller: a stuck or dead surrogate costs a random point, not the sweep."""

from __future__ import annotations

import multiprocessing
import pickle
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from types import TracebackType

import numpy as np

from hparam.known import Known
from hparam.optimizer import Proposal, needs_surrogate, propose, random_point
from hparam.space import Space
from hparam.spec import OptimizerSettings
from hparam.trials import Params


class Proposer:
    """Proposes in a worker process what needs a surrogate, and everything else right here.

    The worker starts before its first proposal is due. It is killed when an answer takes too long, and
    started again for the next one; it ends by itself when this process is gone.

    Args:
        space: Where to look.
        settings: How to look.
        seed: Of the sweep.
        timeout_seconds: After so long a random point is returned instead.
        worker: Command of the worker; the number of a connected file descriptor is added.
    """

    def __init__(
        self,
        space: Space,
        settings: OptimizerSettings,
        seed: int,
        timeout_seconds: float = 60,
        worker: Sequence[str] = (sys.executable, "-m", "hparam.proposer_worker"),
    ) -> None:
        self._space, self._settings, self._seed = space, settings, seed
        self._timeout = timeout_seconds
        self._command = tuple(worker)
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None

    def __enter__(self) -> Proposer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def propose(
        self, k: int, finished: Sequence[tuple[Params, float]], running: Sequence[Params]
    ) -> Proposal:
        """Return the proposal number `k`; see `hparam.optimizer.propose`.

        Raises:
            LodestarError: A loss is no finite number.
            SpaceExhausted: Every point is finished or running.
        """
        if self._settings.surrogate != "random" and 2 * k >= self._settings.initial:
            with suppress(OSError):
                self._start()
        if not needs_surrogate(self._settings, k, len(finished)):
            return propose(self._space, self._settings, self._seed, k, finished, running)
        try:
            answer = self._ask(k, list(finished), list(running))
        except (EOFError, OSError, TimeoutError, pickle.UnpicklingError):
            self.close()
            return self._instead(k, finished, running)
        if isinstance(answer, Proposal):
            return answer
        if isinstance(answer, Exception):
            raise answer
        return self._instead(k, finished, running)

    def close(self) -> None:
        """End the worker; a later proposal starts another."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _start(self) -> Connection:
        if self._connection is not None:
            return self._connection
        ours, theirs = multiprocessing.Pipe()
        with theirs:
            # Not a multiprocessing.Process: that would import this program's main module, TensorFlow and all.
            self._process = subprocess.Popen(  # noqa: S603
                [*self._command, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._connection = ours
        ours.send((self._space, self._settings, self._seed, self._timeout))
        return ours

    def _ask(self, k: int, finished: Sequence[tuple[Params, float]], running: Sequence[Params]) -> object:
        connection = self._start()
        connection.send((k, finished, running))
        if not connection.poll(self._timeout):
            raise TimeoutError
        return connection.recv()

    def _instead(
        self, k: int, finished: Sequence[tuple[Params, float]], running: Sequence[Params]
    ) -> Proposal:
        known = Known(self._space, finished, running)
        rng = np.random.default_rng([self._seed, k])
        return replace(random_point(self._space, known, rng), fallback=True)
