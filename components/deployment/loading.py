"""Let servers load versions, and see what becomes of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from components.deployment.fleet import Fleet, Gone, ModelServer, Refused
from components.errors import InputError, LodestarError
from components.serving.errors import Code
from components.serving.status import State, VersionStatus

Config = Callable[[ModelServer], Any]


class LoadFailed(LodestarError):
    """Signal that a version does not load, with the server's reason."""


class NoSuchVersion(InputError):
    """Signal that a server does not find a version on its volume."""


@dataclass(frozen=True)
class Pace:
    """How long is waited for what, in seconds.

    Attributes:
        timeout: For a version to be loaded, everywhere.
        poll: Between two looks at the servers.
        absent: For a server to find a version on its volume; it looks once a second.
        stale: An old failure of a version counts as a new one when it is still told after so long.
        silent: For a server to answer again, or to have what its labels are for.
        again: Until a server is asked once more for what it does not load.
        agree: For servers to take a list of models.
        starting: For servers that start to take requests, once all others are done.
    """

    timeout: float = 600.0
    poll: float = 0.1
    absent: float = 15.0
    stale: float = 3.0
    silent: float = 15.0
    again: float = 2.0
    agree: float = 60.0
    starting: float = 60.0


@dataclass
class _Seen:
    """What is known of one server."""

    asked: float | None = None
    first_asked: float = 0.0
    old: dict[int, VersionStatus] = field(default_factory=dict)
    failing_since: float | None = None


class Loading:
    """Waits until versions are available on every server.

    Args:
        family: The model's name.
        fleet: Its servers.
        pace: How long to wait.
        clock: Seconds, never going back.
        sleep: Waits for seconds.
    """

    def __init__(
        self,
        family: str,
        fleet: Fleet,
        pace: Pace,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._family, self._fleet, self._pace = family, fleet, pace
        self._clock, self._sleep = clock, sleep
        self._seen: dict[str, _Seen] = {}

    def wait(self, versions: Iterable[int], config: Config, check: Callable[[], None]) -> None:
        """Ask each server that lacks one of the versions to load it; return when all have all of them.

        Args:
            versions: The versions.
            config: Returns the list of models to ask a server for.
            check: Called between two looks; whatever it raises ends the waiting.

        Raises:
            LoadFailed: A server could not load one, or it takes too long.
            NoSuchVersion: A server does not find one.
        """
        wanted = sorted(versions)
        deadline = self._clock() + self._pace.timeout
        while True:
            servers = self._fleet.servers()
            lacking = [text for server in servers if (text := self._lacking(server, wanted, config))]
            if servers and not lacking:
                return
            trouble = "" if servers else self._fleet.trouble()
            if trouble:
                raise LoadFailed(trouble)
            if self._clock() > deadline:
                what = lacking[0] if lacking else "no model server is ready"
                raise LoadFailed(f"After {self._pace.timeout:g} s {what}.")
            check()
            self._sleep(self._pace.poll)

    def _lacking(self, server: ModelServer, wanted: list[int], config: Config) -> str:
        """Return what a server still lacks; empty when it has everything."""
        seen = self._seen.setdefault(server.name, _Seen())
        try:
            states = server.states(self._family)
            missing = [v for v in wanted if not _available(states.get(v))]
            if missing:
                self._ask(server, seen, states, missing, config)
        except (Gone, Refused) as error:
            return self._again_later(seen, error)
        seen.failing_since = None
        return f"version {missing[0]} is {_word(states.get(missing[0]))} on {server.name}" if missing else ""

    def _again_later(self, seen: _Seen, error: Gone | Refused) -> str:
        """Return what is wrong for now: a server may have begun anew, without what its labels are for."""
        if seen.failing_since is None:
            seen.failing_since = self._clock()
        lasting = isinstance(error, Refused) and error.code is not Code.FAILED_PRECONDITION
        if lasting or self._clock() - seen.failing_since > self._pace.silent:
            raise LoadFailed(error.problem, cure=error.cure) from None
        seen.asked = None
        return error.problem.rstrip(".")

    def _ask(
        self,
        server: ModelServer,
        seen: _Seen,
        states: dict[int, VersionStatus],
        missing: list[int],
        config: Config,
    ) -> None:
        now = self._clock()
        if seen.asked is None:
            seen.old = {v: states[v] for v in missing if v in states}
            seen.asked = seen.first_asked = now
            server.reload(config(server), self._pace.timeout)
            return
        absent = False
        for version in missing:
            state = states.get(version)
            is_old = state == seen.old.get(version) and now - seen.asked < self._pace.stale
            if state is not None and state.failed and not is_old:
                raise LoadFailed(_reason(server, state))
            absent = absent or state is None or _ended(state)
        if absent and now - seen.first_asked > self._pace.absent:
            raise NoSuchVersion(
                f"The model server {server.name} finds no version {missing[0]} of `{self._family}`.",
                cure="Give a version that was pushed, and that the server sees on its volume.",
            )
        if absent and now - seen.asked > self._pace.again:
            # Somebody has sent it another list meanwhile.
            seen.asked = now
            server.reload(config(server), self._pace.timeout)


def _available(status: VersionStatus | None) -> bool:
    return status is not None and status.state is State.AVAILABLE


def _ended(status: VersionStatus | None) -> bool:
    return status is not None and status.state is State.END


def _word(status: VersionStatus | None) -> str:
    return status.state.name if status else "not found"


def _reason(server: ModelServer, status: VersionStatus) -> str:
    # TensorFlow's messages have several lines.
    why = " ".join(status.message.split()).rstrip(".") or "it does not say why"
    return f"Version {status.version} does not load on {server.name}: {why}."
