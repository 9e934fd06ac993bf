"""Keep the catalogue at the version that is served: a thread that looks now and then."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from components import artifact
from components.errors import LodestarError
from components.family import Family

from .importer import Imported, Importer
from .predictor import Predictor, PredictorError
from .routing import Router

_LOG = logging.getLogger(__name__)
_EXAMPLES = "examples_uri"
_LOOK_SECONDS = 5.0
_AGAIN_AFTER = 12


class Follower:
    """Imports what a newly served version was trained on.

    Args:
        families: Families by name; those without a catalogue are left out.
        serving: The serving root, where a version says where its data is.
        predictor: Knows which versions are served.
        router: Knows which is stable.
        importer: Imports.
        imported: Told of each import, and of `None` where one failed.
    """

    def __init__(
        self,
        families: Mapping[str, Family],
        serving: Path,
        predictor: Predictor,
        router: Router,
        importer: Importer,
        imported: Callable[[str, Imported | None], None],
    ) -> None:
        self._families = {name: family for name, family in families.items() if family.catalogue}
        self._serving = serving
        self._predictor = predictor
        self._router = router
        self._importer = importer
        self._imported = imported
        self._failed: dict[str, tuple[str, int]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="catalogue", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """End; an import under way is left to the end of the process, and begun afresh by the next."""
        self._stop.set()

    def look(self) -> None:
        """Import what is not imported yet; whatever fails is logged and tried again later."""
        for name in sorted(self._families):
            if self._stop.is_set():
                return
            try:
                self._look_at(name)
            except Exception:
                _LOG.exception("The catalogue of %s cannot be brought up to date", name)
                self._imported(name, None)

    def _follow(self) -> None:
        while not self._stop.is_set():
            self.look()
            self._stop.wait(_LOOK_SECONDS)

    def _look_at(self, name: str) -> None:
        uri = self._examples(name)
        if not uri or uri == self._importer.source(name) or self._pausing(name, uri):
            return
        # Until it has gone well: a failure must not be repeated every few seconds.
        self._failed[name] = (uri, _AGAIN_AFTER)
        columns = self._families[name].catalogue
        assert columns is not None
        done = self._importer.run(name, columns, uri)
        del self._failed[name]
        if done is not None:
            _LOG.info("The catalogue of %s has %d items and %d events", name, done.items, done.events)
            self._imported(name, done)

    def _pausing(self, name: str, uri: str) -> bool:
        failed, looks = self._failed.get(name, ("", 0))
        if failed != uri or looks == 0:
            return False
        self._failed[name] = (failed, looks - 1)
        return True

    def _examples(self, name: str) -> str:
        """Return where the data of the version that is served is; empty when that cannot be told."""
        version = self._router.deployed(name).stable
        try:
            if version is None:
                served = self._predictor.versions(name, timeout=2.0)
                version = next((number for number, state in served if state == "AVAILABLE"), None)
            if version is None:
                return ""
            return str(artifact.provenance(self._serving / name / str(version)).get(_EXAMPLES, ""))
        except (PredictorError, LodestarError):
            return ""
