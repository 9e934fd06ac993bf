"""Load the newest good version of every model, unload the others, no gap.

The next version is loaded and made available before the old one goes, and the old one is freed only when
its last request is done. A version that is refused or fails to load leaves the older one serving; it is
tried again only when its files change.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from components.errors import LodestarError

from .errors import Code, ServingError, invalid
from .source import Found, Versions
from .status import Event, State, VersionStatus

if TYPE_CHECKING:
    from .servable import Servable

_LOAD_THREADS = 2
_MAX_ENDED = 100

Fingerprint = tuple[tuple[str, int, int], ...]


class Served:
    """An available version and the number of requests that use it now.

    Attributes:
        version: The version number.
        servable: What runs it.
        users: Requests under way; guarded by the manager's lock.
    """

    def __init__(self, version: int, servable: Servable) -> None:
        self.version = version
        self.servable = servable
        self.users = 0


class Manager:
    """Keep the newest good version of every model available.

    Args:
        verify: Raises LodestarError for a version that must not be served.
        load: Makes a servable of a version's folder.
        on_event: Gets one event for each version loaded, unloaded or failed; called from several threads.
    """

    def __init__(
        self,
        verify: Callable[[Path], None],
        load: Callable[[Path], Servable],
        on_event: Callable[[Event], None],
    ) -> None:
        self._verify = verify
        self._load = load
        self._on_event = on_event
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._served: defaultdict[str, dict[int, Served]] = defaultdict(dict)
        self._statuses: defaultdict[str, dict[int, VersionStatus]] = defaultdict(dict)
        self._failed: dict[Path, Fingerprint] = {}
        self._busy: dict[str, Future[None]] = {}
        self._unloading: set[threading.Thread] = set()
        self._pool = ThreadPoolExecutor(_LOAD_THREADS, thread_name_prefix="serving-load")

    def aspire(self, found: Found) -> None:
        """Begin to serve the newest version of each model, and of no other model.

        Returns at once. A model that is busy with an earlier call is left alone; the next call gets to it.
        """
        for model in sorted({*found, *self._statuses}):
            running = self._busy.get(model)
            if running is None or running.done():
                self._announce(model, found.get(model, {}))
                self._busy[model] = self._pool.submit(self._reconcile, model, found.get(model, {}))

    def pending(self) -> list[Future[None]]:
        """Return one future per model, done when its loading is."""
        return list(self._busy.values())

    @contextmanager
    def lease(self, model: str, version: int | None = None, label: str = "") -> Iterator[Served]:
        """Hold a version for one request; it is not freed before the request is done.

        Args:
            model: The model's name.
            version: None for the newest available one.
            label: A version's label instead of its number; empty for none.

        Raises:
            ServingError: NOT_FOUND: nothing such is available. INVALID_ARGUMENT: there is no such label.
        """
        if label:
            raise invalid(f"Unrecognized servable version label: {label}")
        with self._lock:
            served = self._pick(model, version)
            served.users += 1
        try:
            yield served
        finally:
            with self._lock:
                served.users -= 1
                if not served.users:
                    self._idle.notify_all()

    def statuses(self, model: str, version: int | None = None) -> list[VersionStatus]:
        """Return the state of every known version, newest first.

        Raises:
            ServingError: NOT_FOUND: the model, or this version of it, was never seen.
        """
        with self._lock:
            known = dict(self._statuses.get(model, {}))
        if version is None and known:
            return [known[number] for number in sorted(known, reverse=True)]
        if version is not None and version in known:
            return [known[version]]
        what = "any versions" if version is None else f"version {version}"
        raise ServingError(Code.NOT_FOUND, f"Could not find {what} of model {model}")

    def models(self) -> list[str]:
        """Return the names of the models with an available version, sorted."""
        with self._lock:
            return sorted(model for model, versions in self._served.items() if versions)

    def close(self, grace_seconds: float) -> None:
        """Unload everything, after the requests under way or `grace_seconds`."""
        deadline = monotonic() + grace_seconds
        self._pool.shutdown(wait=True, cancel_futures=True)
        for model in self.models():
            self._retire_all_but(model, None)
        for thread in list(self._unloading):
            thread.join(max(0.0, deadline - monotonic()))

    def _announce(self, model: str, versions: Versions) -> None:
        newest = max(versions, default=None)
        if newest is not None and newest not in self._statuses[model]:
            self._set(model, VersionStatus(newest, State.START))

    def _pick(self, model: str, version: int | None) -> Served:
        versions = self._served.get(model, {})
        wanted = version if version is not None else max(versions, default=None)
        if wanted is None or wanted not in versions:
            which = f"Latest({model})" if version is None else f"Specific({model}, {version})"
            raise ServingError(Code.NOT_FOUND, f"Servable not found for request: {which}")
        return versions[wanted]

    def _reconcile(self, model: str, versions: Versions) -> None:
        for version in sorted(versions, reverse=True):
            if version in self._served[model] or self._try_load(model, version, versions[version]):
                self._retire_all_but(model, version)
                return
        if not versions:
            self._retire_all_but(model, None)

    def _try_load(self, model: str, version: int, path: Path) -> bool:
        try:
            fingerprint = _fingerprint(path)
        except OSError:  # removed since it was seen
            return False
        if self._failed.get(path) == fingerprint:
            return False
        started = monotonic()
        self._set(model, VersionStatus(version, State.LOADING))
        try:
            self._verify(path)
            servable = self._load(path)
        # A broken model can fail in any way, and must not stop the others.
        except Exception as error:
            self._failed[path] = fingerprint
            self._refuse(model, version, error)
            return False
        self._failed.pop(path, None)
        with self._lock:
            self._served[model][version] = Served(version, servable)
            self._statuses[model][version] = VersionStatus(version, State.AVAILABLE)
        self._on_event(Event("loaded", model, version, f"in {monotonic() - started:.1f} s"))
        return True

    def _refuse(self, model: str, version: int, error: Exception) -> None:
        code = Code.DATA_LOSS if isinstance(error, LodestarError) else Code.INTERNAL
        code = error.code if isinstance(error, ServingError) else code
        message = error.problem if isinstance(error, LodestarError) else f"{type(error).__name__}: {error}"
        self._set(model, VersionStatus(version, State.END, code, message))
        self._on_event(Event("failed", model, version, message))

    def _retire_all_but(self, model: str, keep: int | None) -> None:
        with self._lock:
            retired = [served for number, served in self._served[model].items() if number != keep]
            for served in retired:
                del self._served[model][served.version]
                self._statuses[model][served.version] = VersionStatus(served.version, State.UNLOADING)
        for served in retired:
            thread = threading.Thread(target=self._unload, args=(model, served), daemon=True)
            self._unloading.add(thread)
            thread.start()

    def _unload(self, model: str, served: Served) -> None:
        with self._lock:
            self._idle.wait_for(lambda: not served.users)
        served.servable.close()
        if self._statuses[model][served.version].state is State.UNLOADING:
            self._set(model, VersionStatus(served.version, State.END))
        self._on_event(Event("unloaded", model, served.version))
        self._unloading.discard(threading.current_thread())

    def _set(self, model: str, status: VersionStatus) -> None:
        with self._lock:
            statuses = self._statuses[model]
            statuses[status.version] = status
            ended = sorted(number for number, known in statuses.items() if known.state is State.END)
            for number in ended[:-_MAX_ENDED]:
                del statuses[number]


def _fingerprint(path: Path) -> Fingerprint:
    """Return what changes when any file of a version does, without reading the files."""
    files = ((file, file.lstat()) for file in sorted(path.rglob("*")))
    return tuple((str(file.relative_to(path)), stat.st_size, stat.st_mtime_ns) for file, stat in files)
