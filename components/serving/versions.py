"""Load and unload versions until every model is what it should be, without a gap.

Event driven: whenever targets change, or a version was loaded or failed, `policy.plan` says what to do next
for that model. A version that fails to load leaves the older one serving; it is tried again when its files
change, or when it is wanted anew after it was not.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from components.errors import LodestarError

from .errors import Code, ServingError
from .policy import Plan, Policy, plan
from .source import Target
from .status import Event, State, VersionStatus

if TYPE_CHECKING:
    from .servable import Servable

_MAX_ENDED = 100
_NOTHING = Target(Policy(), {})
_LOOK_SECONDS = 0.1

Fingerprint = tuple[tuple[str, int, int], ...]
OnEvent = Callable[[Event], None]


class Load(Protocol):
    """Make a servable of a version's folder; a set event ends waiting between attempts."""

    def __call__(self, model: str, version: int, path: Path, cancelled: threading.Event) -> Servable:
        """Return the servable, or raise whatever was wrong with the version."""


class Served:
    """An available version and the number of requests that use it now.

    Attributes:
        version: The version number.
        servable: What runs it.
        users: Requests under way; guarded by the lock of `Versions`.
    """

    def __init__(self, version: int, servable: Servable) -> None:
        self.version = version
        self.servable = servable
        self.users = 0


class Versions:
    """The versions of every model and what state each is in.

    Args:
        load: Loads one version.
        on_event: Gets one event for each version loaded, unloaded or failed; called from several threads.
        load_threads: Versions that load at the same time.
        unload_threads: Versions that are freed at the same time.
    """

    def __init__(
        self, load: Load, on_event: OnEvent, *, load_threads: int = 1, unload_threads: int = 1
    ) -> None:
        self._load = load
        self._on_event = on_event
        self._changed = threading.Condition()
        self._targets: Mapping[str, Target] = {}
        self._served: defaultdict[str, dict[int, Served]] = defaultdict(dict)
        self._statuses: defaultdict[str, dict[int, VersionStatus]] = defaultdict(dict)
        self._failed: defaultdict[str, dict[int, Fingerprint | None]] = defaultdict(dict)
        self._loading: defaultdict[str, dict[int, threading.Event]] = defaultdict(dict)
        self._unloading: set[threading.Thread] = set()
        self._pool = ThreadPoolExecutor(load_threads, thread_name_prefix="serving-load")
        self._frees = threading.Semaphore(unload_threads)
        self._jobs = 0
        self._closed = False

    def aspire(self, targets: Mapping[str, Target]) -> None:
        """Begin to bring every model to its target, and to unload every other model; returns at once."""
        mended = self._mended(targets)
        with self._changed:
            if self._closed:
                return
            self._targets = targets
            for model, version in mended:
                self._failed[model].pop(version, None)
            for model in sorted({*targets, *self._statuses}):
                self._step(model)

    @contextmanager
    def lease(self, model: str, version: int | None = None) -> Iterator[Served]:
        """Hold a version for one request; it is not freed before the request is done.

        Args:
            model: The model's name.
            version: None for the highest available one.

        Raises:
            ServingError: NOT_FOUND: nothing such is available.
        """
        with self._changed:
            served = self._pick(model, version)
            served.users += 1
        try:
            yield served
        finally:
            with self._changed:
                served.users -= 1
                if not served.users:
                    self._changed.notify_all()

    def statuses(self, model: str) -> list[VersionStatus]:
        """Return the state of every known version, highest first; empty for an unknown model."""
        with self._changed:
            known = dict(self._statuses.get(model, {}))
        return [known[number] for number in sorted(known, reverse=True)]

    def available(self, model: str) -> frozenset[int]:
        """Return the versions that serve now."""
        with self._changed:
            return frozenset(self._served.get(model, ()))

    def targets(self) -> Mapping[str, Target]:
        """Return what every model is being brought to."""
        return self._targets

    def models(self) -> list[str]:
        """Return the names of the models with an available version, sorted."""
        with self._changed:
            return sorted(model for model, versions in self._served.items() if versions)

    def wait_for(self, condition: Callable[[], bool], given_up: Callable[[], bool]) -> bool:
        """Wait until a condition on this object holds; return False when `given_up` returned True first."""
        with self._changed:
            while not condition():
                if given_up() or self._closed:
                    return False
                self._changed.wait(_LOOK_SECONDS)
        return True

    def is_settled(self, model: str) -> bool:
        """Return whether a wanted version is available, or every one on disk that is wanted failed."""
        with self._changed:
            aspired = self._plan(model).aspired
            has_failed = bool(aspired) and aspired <= self._failed[model].keys()
            return has_failed or not aspired.isdisjoint(self._served[model])

    def is_idle(self) -> bool:
        """Return whether nothing is being loaded or waits for its turn."""
        return not self._jobs

    def close(self, grace_seconds: float) -> None:
        """Unload everything, after the requests under way or `grace_seconds`."""
        deadline = monotonic() + grace_seconds
        with self._changed:
            self._closed = True
            for cancelled in (event for events in self._loading.values() for event in events.values()):
                cancelled.set()
        self._pool.shutdown(wait=True, cancel_futures=True)
        with self._changed:
            for model in list(self._served):
                self._retire(model, list(self._served[model]))
        for thread in list(self._unloading):
            thread.join(max(0.0, deadline - monotonic()))

    def _pick(self, model: str, version: int | None) -> Served:
        versions = self._served.get(model, {})
        wanted = version if version is not None else max(versions, default=None)
        if wanted is None or wanted not in versions:
            which = f"Latest({model})" if version is None else f"Specific({model}, {version})"
            raise ServingError(Code.NOT_FOUND, f"Servable not found for request: {which}")
        return versions[wanted]

    def _plan(self, model: str) -> Plan:
        target = self._targets.get(model, _NOTHING)
        return plan(
            target.policy,
            target.found,
            available=self._served[model],
            loading=self._loading[model],
            failed=self._failed[model],
        )

    def _step(self, model: str) -> None:
        """Do what is to be done next for a model; the lock is held."""
        if self._closed:
            return
        target = self._targets.get(model, _NOTHING)
        for version in set(self._failed[model]) - _candidates(target):
            del self._failed[model][version]
        todo = self._plan(model)
        for version in set(self._loading[model]) - todo.aspired:
            self._loading[model][version].set()
        for version in todo.load:
            self._set(model, VersionStatus(version, State.START))
            cancelled = self._loading[model][version] = threading.Event()
            self._jobs += 1
            self._pool.submit(self._bring_up, model, version, target.found[version], cancelled)
        self._retire(model, todo.unload)

    def _bring_up(self, model: str, version: int, path: Path, cancelled: threading.Event) -> None:
        try:
            self._try_load(model, version, path, cancelled)
        finally:
            with self._changed:
                self._jobs -= 1
                self._changed.notify_all()

    def _try_load(self, model: str, version: int, path: Path, cancelled: threading.Event) -> None:
        started = monotonic()
        with self._changed:
            if cancelled.is_set():
                self._drop(model, version)
                return
            self._set(model, VersionStatus(version, State.LOADING))
        fingerprint = _fingerprint(path)
        try:
            servable = self._load(model, version, path, cancelled)
        # A broken model can fail in any way, and must not stop the others.
        except Exception as error:
            self._fail(model, version, fingerprint, error, cancelled)
            return
        with self._changed:
            # Nobody asks for a version that was taken back while it loaded: it must not become the newest.
            is_wanted = not cancelled.is_set() and not self._closed
            if is_wanted:
                del self._loading[model][version]
                self._served[model][version] = Served(version, servable)
                self._set(model, VersionStatus(version, State.AVAILABLE))
        if not is_wanted:
            servable.close()
            with self._changed:
                self._drop(model, version)
            return
        self._tell(Event("loaded", model, version, f"in {monotonic() - started:.1f} s"))
        with self._changed:
            self._step(model)

    def _fail(
        self,
        model: str,
        version: int,
        fingerprint: Fingerprint | None,
        error: Exception,
        cancelled: threading.Event,
    ) -> None:
        code = Code.DATA_LOSS if isinstance(error, LodestarError) else Code.INTERNAL
        code = error.code if isinstance(error, ServingError) else code
        message = error.problem if isinstance(error, LodestarError) else f"{type(error).__name__}: {error}"
        message = error.message if isinstance(error, ServingError) else message
        with self._changed:
            if cancelled.is_set():
                self._drop(model, version)
                return
            del self._loading[model][version]
            self._failed[model][version] = fingerprint
            self._set(model, VersionStatus(version, State.END, code, message))
        self._tell(Event("failed", model, version, message))
        with self._changed:
            self._step(model)

    def _drop(self, model: str, version: int) -> None:
        del self._loading[model][version]
        self._set(model, VersionStatus(version, State.END))
        # It may be wanted again by now.
        self._step(model)

    def _retire(self, model: str, versions: Collection[int]) -> None:
        for version in versions:
            served = self._served[model].pop(version)
            self._set(model, VersionStatus(version, State.UNLOADING))
            thread = threading.Thread(target=self._unload, args=(model, served), daemon=True)
            self._unloading.add(thread)
            thread.start()

    def _unload(self, model: str, served: Served) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not served.users)
        with self._frees:
            served.servable.close()
        with self._changed:
            if self._statuses[model][served.version].state is State.UNLOADING:
                self._set(model, VersionStatus(served.version, State.END))
            self._unloading.discard(threading.current_thread())
        self._tell(Event("unloaded", model, served.version))

    def _tell(self, event: Event) -> None:
        # A terminal that went away must not stop the server.
        with suppress(OSError, ValueError):
            self._on_event(event)

    def _set(self, model: str, status: VersionStatus) -> None:
        statuses = self._statuses[model]
        statuses[status.version] = status
        ended = sorted(number for number, known in statuses.items() if known.state is State.END)
        for number in ended[:-_MAX_ENDED]:
            del statuses[number]
        self._changed.notify_all()

    def _mended(self, targets: Mapping[str, Target]) -> list[tuple[str, int]]:
        """Return the failed versions whose files are not what they were; reads the disk without the lock."""
        with self._changed:
            failed = [(model, dict(versions)) for model, versions in self._failed.items() if versions]
        return [
            (model, version)
            for model, versions in failed
            for version, fingerprint in versions.items()
            if (path := targets.get(model, _NOTHING).found.get(version)) is not None
            and _fingerprint(path) != fingerprint
        ]


def _candidates(target: Target) -> set[int]:
    """Return the versions that a failure is remembered of: wanted ones, or all where lower ones follow."""
    return set(target.found if target.policy.falls_back else target.policy.choose(target.found))


def _fingerprint(path: Path) -> Fingerprint | None:
    """Return what changes when any file of a version does, without reading the files; None: it is gone."""
    try:
        files = [(file, file.lstat()) for file in sorted(path.rglob("*"))]
    except OSError:
        return None
    return tuple((str(file.relative_to(path)), stat.st_size, stat.st_mtime_ns) for file, stat in files)
