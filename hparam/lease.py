"""One controller at a time on a cluster: a Lease for each sweep, through which it is also seen and steered.

Other commands put requests into an annotation of the Lease; the controller sees them when it renews, and
publishes how the sweep stands in another.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any

from components.errors import InputError, LodestarError
from hparam.executors.manifest import SWEEP_LABEL
from hparam.executors.objects import LEASE, Object, Objects
from hparam.inbox import CHANGE, ID, Inbox

STATUS, REQUESTS = "lodestar.dev/status", "lodestar.dev/requests"
_DURATION_S = 30
_RENEW_S = 2.0
# Before others may take the Lease: what this process began to write meanwhile has to be done by then.
_MARGIN_S = 5.0
_TRIES = 5
# All annotations of an object together have 256 KiB.
_STATUS_BYTES = 200_000


class LeaseLock:
    """The right to control a sweep on a cluster.

    Args:
        objects: The cluster's.
        sweep: The sweep's name.
        owner: Owner reference: the Lease is removed with this object.
        holder: Who this is; by default host, process and time.
        duration: Seconds after which a Lease that is not renewed may be taken.
        period: Seconds between two renewals.
        clock: Seconds, never going back.
        sleep: Waits for seconds.
    """

    def __init__(
        self,
        objects: Objects,
        sweep: str,
        owner: Mapping[str, Any] | None = None,
        holder: str = "",
        duration: int = _DURATION_S,
        period: float = _RENEW_S,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        # A renewal that does not get through is tried again in time, not for two minutes.
        self._objects, self._patient = objects.in_a_hurry(), objects
        self._sweep = sweep
        self._owner = owner
        self._holder = holder or f"{socket.gethostname()}-{os.getpid()}-{os.urandom(3).hex()}"
        self._duration = duration
        self._period = period
        self._clock = clock
        self._sleep = sleep
        self._renewed = float("-inf")
        self._lost = False
        self._inbox = Inbox()
        self._status: Callable[[], Mapping[str, Any]] | None = None
        self._guard = threading.Lock()
        self._released = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def held(self) -> bool:
        """Return whether nobody else can control the sweep; False for good once the Lease was lost."""
        margin = min(_MARGIN_S, self._duration / 3)
        if self._clock() - self._renewed > self._duration - margin:
            return False
        return not self._lost

    def acquire(self) -> None:
        """Take the Lease, and renew it in the background.

        A Lease whose holder is gone is taken once it has not been renewed for its duration.

        Raises:
            LodestarError: Another controller holds it.
        """
        seen, since = None, self._clock()
        while not self._take():
            found = self._patient.get(LEASE, lease_name(self._sweep)) or {"spec": {}}
            renewed = str(found["spec"].get("renewTime"))
            # Times of two machines cannot be compared, only whether something changes while this one looks.
            if seen not in (None, renewed):
                raise self._refusal(found)
            if self._clock() - since > self._seconds(found):
                if self._take(expired=renewed):
                    break
                raise self._refusal(found)
            seen = renewed
            self._sleep(min(0.5, self._duration / 10))
        self._released.clear()
        self._write(self._stamped)  # Requests that came while there was no controller.
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self._thread.start()

    def release(self) -> None:
        """Give the Lease back at once, with the last status; does nothing when it is not held."""
        self._released.set()
        if self._thread is None:
            return
        self._thread.join(self._duration)
        self._thread = None
        self._inbox.finish()
        if self.held:
            with suppress(LodestarError):  # It expires by itself.
                self._write(lambda lease: lease["spec"].update(holderIdentity=None))
        self._renewed = float("-inf")

    def publish(self, status: Callable[[], Mapping[str, Any]]) -> None:
        """Let others see how the sweep stands, with the next renewal.

        Args:
            status: Called then; one that is too large for an annotation is left out.
        """
        with self._guard:
            self._status = status

    def take(self) -> list[dict[str, Any]]:
        """Return the requests that have come since the last call; those before are then removed."""
        return self._inbox.take()

    def _take(self, expired: str = "") -> bool:
        """Take a Lease that is free, or whose last renewal was `expired`; return whether it could be."""
        name, now = lease_name(self._sweep), self._clock()
        lease = self._patient.get(LEASE, name)
        if lease is None:
            created = self._patient.create(LEASE, self._stamped(_new(name, self._sweep)))
            return self._got(created, now)
        holder = lease["spec"].get("holderIdentity")
        if holder and str(lease["spec"].get("renewTime")) != expired:
            return False
        lease["spec"]["leaseTransitions"] = int(lease["spec"].get("leaseTransitions") or 0) + 1
        # The version is the fence: of two that take the same Lease, the server refuses one.
        return self._got(self._patient.replace(LEASE, self._stamped(lease)), now)

    def _got(self, lease: Object | None, began: float) -> bool:
        if lease is not None:
            self._renewed, self._lost = began, False
        return lease is not None

    def _stamped(self, lease: Object) -> Object:
        now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        lease["spec"].update(holderIdentity=self._holder, leaseDurationSeconds=self._duration, renewTime=now)
        lease["spec"].setdefault("acquireTime", now)
        if self._owner:
            lease["metadata"]["ownerReferences"] = [dict(self._owner)]
        return lease

    def _keep(self) -> None:
        while not self._released.wait(self._period):
            try:
                self._write(self._stamped)
            except LodestarError:
                continue
            if self._lost:
                return

    def _write(self, change: Callable[[Object], Any]) -> None:
        """Change the Lease that this process holds, look for requests and put the status in."""
        for _ in range(_TRIES):
            began = self._clock()
            lease = self._objects.get(LEASE, lease_name(self._sweep))
            if lease is None or lease["spec"].get("holderIdentity") != self._holder:
                self._lost = True
                return
            annotations = lease["metadata"].setdefault("annotations", {})
            left = self._inbox.look(json.loads(annotations.pop(REQUESTS, "[]")))
            if left:
                annotations[REQUESTS] = json.dumps(left)
            text = self._status_text()
            if len(text) in range(1, _STATUS_BYTES):
                annotations[STATUS] = text
            change(lease)
            # Somebody may have asked for something since it was read.
            if self._objects.replace(LEASE, lease) is not None:
                self._renewed = began
                return

    def _status_text(self) -> str:
        with self._guard:
            status = self._status
        return json.dumps(status(), separators=(",", ":")) if status else ""

    def _seconds(self, lease: Object) -> float:
        return float(lease["spec"].get("leaseDurationSeconds") or self._duration)

    def _refusal(self, lease: Object) -> LodestarError:
        return LodestarError(
            f"The sweep {self._sweep} is controlled by {lease['spec'].get('holderIdentity')}.",
            cure=f"Wait for it to end, or stop it: `lodestar sweep stop {self._sweep} --on cluster`.",
        )


class LeaseControl:
    """Requests that come through the Lease that this process holds."""

    def __init__(self, lock: LeaseLock) -> None:
        self._lock = lock

    def take(self) -> list[dict[str, Any]]:
        """Return the requests that have come since the last call."""
        return self._lock.take()


def lease_name(sweep: str) -> str:
    """Return the name of a sweep's Lease."""
    return f"lodestar-sweep-{sweep}"


def request(objects: Objects, sweep: str, change: Mapping[str, Any]) -> None:
    """Ask the controller of a sweep for a change; it takes it with its next renewal.

    Raises:
        InputError: There is no such sweep on the cluster.
        LodestarError: The Lease changes too often.
    """
    for _ in range(_TRIES):
        lease = objects.get(LEASE, lease_name(sweep))
        if lease is None:
            raise _unknown(objects, sweep)
        annotations = lease["metadata"].setdefault("annotations", {})
        new = {ID: uuid.uuid4().hex, CHANGE: dict(change)}
        asked = [*json.loads(annotations.get(REQUESTS, "[]")), new]
        annotations[REQUESTS] = json.dumps(asked)
        if objects.replace(LEASE, lease) is not None:
            return
    raise LodestarError(f"The Lease of the sweep {sweep} changes all the time.", cure="Try again.")


def read_status(objects: Objects, sweep: str) -> dict[str, Any] | None:
    """Return what the controller of a sweep has last published; None when it has not yet.

    Raises:
        InputError: There is no such sweep on the cluster.
    """
    lease = objects.get(LEASE, lease_name(sweep))
    if lease is None:
        raise _unknown(objects, sweep)
    text = (lease["metadata"].get("annotations") or {}).get(STATUS)
    return dict(json.loads(text)) if text else None


def sweeps(objects: Objects) -> list[str]:
    """Return the names of all sweeps that the cluster knows, sorted."""
    leases, _ = objects.list(LEASE, SWEEP_LABEL)
    return sorted(lease["metadata"]["labels"][SWEEP_LABEL] for lease in leases)


def _new(name: str, sweep: str) -> Object:
    labels = {SWEEP_LABEL: sweep, "app.kubernetes.io/part-of": "lodestar"}
    metadata = {"name": name, "labels": labels}
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": {}}


def _unknown(objects: Objects, sweep: str) -> InputError:
    known = ", ".join(sweeps(objects)) or "there is none"
    return InputError(f"There is no sweep `{sweep}` on the cluster.", cure=f"Sweeps: {known}.")
