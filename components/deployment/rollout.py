"""Move a family's servers from one deployment to the next, or leave everything as it was.

The move has two steps, as a server refuses a label for a version that is not loaded: load what is new beside
what serves, and only when every server has it move the labels and drop what is left over. Whoever changes the
deployment meanwhile wins: a rollback need not wait for a version that is still loading.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from components.deployment import state as states
from components.deployment.config import Wanted
from components.deployment.fleet import Fleet, Gone, ModelServer, Refused
from components.deployment.history import Action, Change, whoami
from components.deployment.loading import LoadFailed, Loading, Pace
from components.deployment.state import Deployment
from components.deployment.store import Store, Superseded, superseded
from components.errors import InputError, LodestarError
from components.serving.status import State

_CHECK_S = 0.5
Step = Callable[[str], None]
Changed = Callable[["Deployment | None"], Deployment]


class Rollout:
    """Changes the deployment of one family.

    Args:
        family: The model's name.
        store: Keeps what is deployed.
        fleet: The servers; None when none runs: what is kept takes effect at their start.
        pace: How long to wait for what.
        tell: Gets a line for each step.
        check: Raises LodestarError for a version that must not be loaded; called before anything changes.
        clock: Seconds, never going back.
        sleep: Waits for seconds.
    """

    def __init__(
        self,
        family: str,
        store: Store,
        fleet: Fleet | None,
        *,
        pace: Pace | None = None,
        tell: Step = lambda line: None,
        check: Callable[[int], None] = lambda version: None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._family, self._store, self._fleet = family, store, fleet
        self._pace = pace or Pace()
        self._tell, self._check = tell, check
        self._clock, self._sleep = clock, sleep
        self._looked = clock()

    def run(self, action: Action, change: Changed) -> Deployment:
        """Make a change and return the deployment after it; on any failure what served before serves.

        Args:
            action: What it is, for the history.
            change: Returns the deployment after it, of the one before; None: nothing is deployed.

        Raises:
            InputError: The change is not possible, or there is no such version.
            LoadFailed: A version does not load; the deployment is `BlockedByFailedLoad` with the reason.
            Superseded: Somebody else has changed the deployment meanwhile, and that counts.
        """
        kept = self._store.read().get(self._family)
        before = kept or self._served()
        after = change(before)
        target = _target(before, after)
        record = Change(
            self._family,
            action,
            before.stable if before else None,
            target,
            after.canary.percent if after.canary and action == "canary" else None,
            whoami(),
        )
        try:
            for version in sorted(set(after.versions) - set(before.versions if before else ())):
                self._check(version)
        except LodestarError as error:
            self._give_up(kept, kept, record, error)
            _tell_what_serves(error, self._family, before)
            raise
        if self._fleet is None:
            return self._keep(kept, after, record)
        return self._move(kept, before, after, record)

    def _move(
        self, kept: Deployment | None, before: Deployment | None, after: Deployment, record: Change
    ) -> Deployment:
        new = set(after.versions) - set(before.versions if before else ())
        begun = states.begun(before or after, min(new, default=None))
        attempt = self._keep(kept, begun, None)
        try:
            if before is None:
                self._required().renew()
            self._load(before, after, attempt)
            both = tuple(sorted({*after.versions, *(before.versions if before else ())}))
            self._converge(Wanted(self._family, both, after.labels))
            done = self._keep(attempt, after, record)
        except Superseded:
            self._follow()
            raise
        except (LodestarError, KeyboardInterrupt) as error:
            self._give_up(attempt, kept, record, error)
            if isinstance(error, LodestarError):
                _tell_what_serves(error, self._family, before)
            raise
        self._required().renew()
        self._settle(Wanted.of(self._family, done))
        return done

    def _served(self) -> Deployment | None:
        """Return what a family that is not deployed has: the newest version that every server has."""
        common: set[int] | None = None
        for server in self._fleet.servers() if self._fleet else ():
            available = {v for v, s in server.states(self._family).items() if s.state is State.AVAILABLE}
            common = available if common is None else common & available
        return Deployment(max(common)) if common else None

    def _load(self, before: Deployment | None, after: Deployment, attempt: Deployment) -> None:
        versions = tuple(sorted({*after.versions, *(before.versions if before else ())}))
        wanted = Wanted(self._family, versions, before.labels if before else None)
        loading = Loading(self._family, self._required(), self._pace, self._clock, self._sleep)
        if attempt.loading is not None:
            self._tell(f"loading version {attempt.loading}")
        loading.wait(
            after.labels.values(),
            # A label of a version that has been lost must not keep the next one from being loaded.
            lambda server: self._config(server, wanted.where(partial(_has, server))),
            lambda: self._still_mine(attempt),
        )

    def _still_mine(self, attempt: Deployment) -> None:
        if self._clock() - self._looked < _CHECK_S:
            return
        self._looked = self._clock()
        if self._store.read().get(self._family) != attempt:
            raise superseded(self._family, self._store.history())

    def _converge(self, wanted: Wanted, seconds: float | None = None) -> None:
        """Reload until every server that takes requests has the versions and the labels.

        Raises:
            LoadFailed: One does not, in time.
        """
        deadline = self._clock() + (self._pace.agree if seconds is None else seconds)
        asked: set[str] = set()
        while True:
            servers = self._required().servers()
            # Each is asked once, whatever it has: a version that is still loading may no longer be wanted.
            behind = [s for s in servers if s.name not in asked or not _agrees(s, wanted)]
            if servers and not behind:
                return
            if self._clock() > deadline:
                names = ", ".join(server.name for server in behind) or "no server is ready"
                raise LoadFailed(f"Not every model server took the list of models: {names}.")
            if asked.issuperset(server.name for server in behind):
                self._sleep(self._pace.poll)
            refusals = [text for server in behind if (text := self._reload(server, wanted))]
            asked.update(server.name for server in behind)
            if refusals:
                raise LoadFailed(refusals[0])

    def _settle(self, wanted: Wanted) -> None:
        """Converge; once more when servers were starting, which may have read what was deployed before."""
        self._converge(wanted)
        deadline = self._clock() + self._pace.starting
        starting = late = bool(self._required().starting())
        while starting and self._clock() < deadline:
            self._sleep(self._pace.poll)
            starting = bool(self._required().starting())
        if late:
            self._converge(wanted)

    def _reload(self, server: ModelServer, wanted: Wanted) -> str:
        """Send the list of models; return why the server does not take it, empty when it does."""
        try:
            server.reload(self._config(server, wanted), self._pace.agree)
        except Gone:
            return ""  # Listed again, or not any more, in the next round.
        except Refused as refused:
            return refused.problem
        return ""

    def _config(self, server: ModelServer, wanted: Wanted) -> Any:
        return self._store.server_config(wanted, partial(_has, server))

    def _follow(self) -> None:
        """Leave the servers with what is deployed now, whoever deployed it."""
        with suppress(LodestarError):
            kept = self._store.read().get(self._family)
            # A server that is gone has what is deployed at its start.
            self._converge(Wanted.of(self._family, kept), self._pace.silent)

    def _keep(self, before: Deployment | None, after: Deployment, record: Change | None) -> Deployment:
        kept = self._store.swap(self._family, before, after, record)
        if kept is None:
            raise AssertionError("what was kept is gone")
        return kept

    def _give_up(
        self, attempt: Deployment | None, kept: Deployment | None, record: Change, error: BaseException
    ) -> None:
        reason = error.problem if isinstance(error, LodestarError) else "It was interrupted."
        how = states.invalid if isinstance(error, InputError) else states.blocked
        restored = how(kept, reason) if kept else None
        failed = replace(record, action="failed", reason=reason)
        with suppress(Superseded):
            self._store.swap(self._family, attempt, restored, failed)
        if self._fleet is not None and attempt is not kept:
            if restored is None:
                with suppress(LodestarError):
                    self._fleet.renew()
            self._follow()

    def _required(self) -> Fleet:
        if self._fleet is None:
            raise AssertionError("there is no server")
        return self._fleet


def _has(server: ModelServer, family: str, version: int) -> bool:
    """Return whether a version is available on a server, or on its way there."""
    status = server.states(family).get(version)
    return status is not None and status.state is not State.END


def _agrees(server: ModelServer, wanted: Wanted) -> bool:
    try:
        found = server.states(wanted.family)
        available = {version for version, status in found.items() if status.state is State.AVAILABLE}
        if wanted.versions and not available <= set(wanted.versions):
            return False
        labels = wanted.labels or {}
        names = {states.STABLE, states.CANARY, *labels}
        return all(server.labelled(wanted.family, name) == labels.get(name) for name in names)
    except (Gone, Refused):
        return False


def _target(before: Deployment | None, after: Deployment) -> int:
    if after.canary and (before is None or after.canary != before.canary):
        return after.canary.version
    return after.stable


def _tell_what_serves(error: LodestarError, family: str, before: Deployment | None) -> None:
    serves = f"Version {before.stable} serves as before." if before else "Nothing serves yet."
    error.cure = f"{serves} {error.cure}".strip() + f" See `lodestar status {family}`."
