"""Everything that both APIs ask of the models: lease a version, say the states, take a new configuration.

`Manager` joins the parts: a `source` says which versions there are, `versions` loads and unloads them, and
`labels` names them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from time import monotonic

from .config import Config
from .errors import Code, ServingError
from .labels import Labels, assign, resolve
from .source import Source, Target
from .status import Event, State, VersionStatus
from .versions import OnEvent, Served, Versions

__all__ = ["Manager", "Served"]


class Manager:
    """The models of a server.

    Args:
        source: Lists the models to serve.
        versions: Loads and unloads them.
        on_event: Gets an event when the source cannot be read.
        allow_unused_labels: A label that is not in use may be given to a version that does not serve.
        allow_any_labels: Any label may.
    """

    def __init__(
        self,
        source: Source,
        versions: Versions,
        on_event: OnEvent,
        *,
        allow_unused_labels: bool = False,
        allow_any_labels: bool = False,
    ) -> None:
        self._source = source
        self._versions = versions
        self._on_event = on_event
        self._allow_unused = allow_unused_labels
        self._allow_any = allow_any_labels
        self._labels: Labels = {}
        self._lock = threading.RLock()
        self._said: set[str] = set()
        self._stopping = False

    def lease(
        self, model: str, version: int | None = None, label: str = ""
    ) -> AbstractContextManager[Served]:
        """Hold a version for one request; it is not freed before the request is done.

        Args:
            model: The model's name.
            version: None for the highest available one.
            label: A version's label instead of its number; empty for none.

        Raises:
            ServingError: NOT_FOUND: nothing such is available. INVALID_ARGUMENT: there is no such label.
        """
        return self._versions.lease(model, self.version_of(model, label) if label else version)

    def version_of(self, model: str, label: str) -> int:
        """Return the version that a label names.

        Raises:
            ServingError: INVALID_ARGUMENT: there is no such label.
        """
        return resolve(self._labels, model, label)

    def labels(self, model: str) -> dict[str, int]:
        """Return label -> version of a model; empty when it has none."""
        return dict(self._labels.get(model, {}))

    def statuses(self, model: str, version: int | None = None) -> list[VersionStatus]:
        """Return the state of every known version, highest first, or of one.

        Raises:
            ServingError: NOT_FOUND: the model, or this version of it, was never seen.
        """
        known = self._versions.statuses(model)
        asked = [status for status in known if version in (None, status.version)]
        if not asked:
            what = "any versions" if version is None else f"version {version}"
            raise ServingError(Code.NOT_FOUND, f"Could not find {what} of model {model}")
        return asked

    def models(self) -> list[str]:
        """Return the names of the models with an available version, sorted."""
        return self._versions.models()

    def knows(self, model: str) -> bool:
        """Return whether a model of this name is or was ever served or tried."""
        return bool(self._versions.statuses(model))

    def begin(self, config: Config | None) -> None:
        """Take the first configuration and begin to load what is there.

        Args:
            config: None in root mode, where the source knows.

        Raises:
            ServingError: The configuration cannot be taken over.
        """
        with self._lock:
            if config is None:
                self._labels = assign(self._source.models(), self._versions.available, {}, allow_any=True)
            else:
                self._take(config)
            self.poll()

    def reload(self, config: Config | None, timeout: float | None = None) -> None:
        """Serve what a new configuration says, and nothing else.

        Labels are moved before anything is loaded, so a label cannot move to a version that this same
        configuration adds. Returns when every model that is new has a version available; the new versions
        of other models come later. A configuration that is refused changes nothing.

        Args:
            config: None changes nothing.
            timeout: Seconds to wait for the new models; None for no bound.

        Raises:
            ServingError: INVALID_ARGUMENT, FAILED_PRECONDITION: it is refused. UNKNOWN: it was taken over,
                but a new model did not become available. DEADLINE_EXCEEDED: nor did it fail in time.
                UNAVAILABLE: the server stops.
        """
        if config is None:
            return
        with self._lock:
            # A model that is served from the root already is not new, though no configuration named it.
            known = {model.name for model in self._source.models()} | set(self.models())
            self._take(config)
            self.poll()
        self._await([model.name for model in config.models if model.name not in known], timeout)

    def poll(self) -> bool:
        """Look at the disk once; return whether it could be read. Otherwise everything stays as it is."""
        with self._lock:
            try:
                targets = self._source.scan()
            except ServingError as error:
                self._say_once({error.message})
                return False
            self._say_once(set(_missing(targets)))
            self._versions.aspire(targets)
        return True

    def stop_waiting(self) -> None:
        """End the calls that wait for a model; those under way on loaded versions go on."""
        self._stopping = True

    def close(self, grace_seconds: float) -> None:
        """Unload everything, after the requests under way or `grace_seconds`."""
        self._versions.close(grace_seconds)

    def found(self) -> list[str]:
        """Return the models that are to be served and have a version on disk, sorted."""
        return sorted(name for name, target in self._versions.targets().items() if target.found)

    def wait_until_settled(self, names: Iterable[str], given_up: Callable[[], bool]) -> bool:
        """Wait until each model has a version available or failed; return False when given up."""
        wanted = list(names)
        return self._versions.wait_for(lambda: all(map(self._is_over, wanted)), given_up)

    def _is_over(self, name: str) -> bool:
        is_listed = name in {*self._versions.targets(), *(model.name for model in self._source.models())}
        return not is_listed or self._versions.is_settled(name)

    def failures(self, names: Iterable[str]) -> list[str]:
        """Return, for each of these models that has no version available, which ones failed and why."""
        served = set(self.models())
        return [
            f"{{{{name: {name} version: {status.version}}} due to error: {status.code.name}:"
            f" {status.message}}}, "
            for name in names
            if name not in served
            for status in self._versions.statuses(name)
            if status.state is State.END
        ]

    def _take(self, config: Config) -> None:
        prepared = self._source.prepare(config)
        given = config.by_name()
        moved = assign(
            config.models,
            self._versions.available,
            self._labels,
            allow_unused=self._allow_unused,
            allow_any=self._allow_any,
        )
        # What the source adds is not new: a version of it that failed must not block the other models.
        rest = [model for model in prepared.models if model.name not in given]
        self._labels = {**assign(rest, self._versions.available, {}, allow_any=True), **moved}
        self._source.use(prepared)

    def _await(self, names: list[str], timeout: float | None) -> None:
        deadline = None if timeout is None else monotonic() + timeout
        settled = self.wait_until_settled(
            names, lambda: self._stopping or (deadline is not None and monotonic() > deadline)
        )
        if not settled and self._stopping:
            raise ServingError(Code.UNAVAILABLE, "The server is stopping")
        if not settled:
            raise ServingError(Code.DEADLINE_EXCEEDED, f"No version of {', '.join(names)} was found in time")
        failures = self.failures(names)
        if failures:
            raise ServingError(
                Code.UNKNOWN, f"{len(failures)} model(s) did not become available: {{{''.join(failures)}}}"
            )

    def _say_once(self, problems: set[str]) -> None:
        for problem in sorted(problems - self._said):
            self._on_event(Event("missing", detail=problem))
        self._said = problems


def _missing(targets: Mapping[str, Target]) -> Iterator[str]:
    for model, target in targets.items():
        for version in target.policy.missing(target.found):
            yield (
                f"Version {version} of servable {model}, which was requested to be served as a 'specific'"
                " version in the servable's version policy, was not found in the file system"
            )
