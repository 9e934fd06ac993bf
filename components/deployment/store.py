"""Where deployments are kept, and the store of a laptop: two files in the serving root."""

from __future__ import annotations

import fcntl
import json
import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from components import artifact
from components.deployment import history
from components.deployment.config import Usable, Wanted, always, server_config
from components.deployment.history import Change
from components.deployment.state import Deployment
from components.durable import sync
from components.errors import LodestarError

DEPLOYMENTS, HISTORY = "deployments.json", "deployments.jsonl"
_LOCK = ".deployments.lock"


class Superseded(LodestarError):
    """Signal that somebody else has changed the deployment meanwhile."""


class Store(Protocol):
    """Keeps what is deployed; several deployers may use it at once."""

    @property
    def place(self) -> str:
        """Return where it is, for messages."""

    def read(self) -> dict[str, Deployment]:
        """Return family -> deployment.

        Raises:
            LodestarError: What is kept is damaged.
        """

    def history(self) -> list[Change]:
        """Return the changes, oldest first."""

    def swap(
        self, family: str, before: Deployment | None, after: Deployment | None, change: Change | None = None
    ) -> Deployment | None:
        """Keep `after` in the place of `before`, with the next revision, and return it.

        Args:
            family: Whose.
            before: What `read` returned; None for no deployment.
            after: None to remove it.
            change: What to add to the history.

        Raises:
            Superseded: It is no longer `before`; nothing is changed.
        """

    def server_config(self, wanted: Wanted, usable: Usable = always) -> Any:
        """Return the message that makes a server have what is wanted of one family.

        A reload replaces the whole list, so it has the other families of the server too, as they are.

        Args:
            wanted: What is wanted.
            usable: Whether the server has a version of another family; a label for one that it lacks would
                make it refuse the whole list.
        """


class FolderStore:
    """Deployments in a serving root.

    Args:
        root: `<root>/<family>/<version>`; made when something is first kept.
        model_root: The same folder as the model server sees it.
    """

    def __init__(self, root: Path, model_root: str = "") -> None:
        self.root = root
        self._model_root = model_root or str(root)

    @property
    def place(self) -> str:
        """Return the path of the file."""
        return str(self.root / DEPLOYMENTS)

    def read(self) -> dict[str, Deployment]:
        """Return family -> deployment; empty when nothing was deployed yet."""
        return read_deployments(self.root / DEPLOYMENTS)

    def history(self) -> list[Change]:
        """Return the changes, oldest first."""
        path = self.root / HISTORY
        if not path.is_file():
            return []
        return history.read_lines(path.read_text(encoding="utf-8").splitlines())

    def swap(
        self, family: str, before: Deployment | None, after: Deployment | None, change: Change | None = None
    ) -> Deployment | None:
        """Keep `after` in the place of `before`; a file is seen as it was or as it is then."""
        with self.locked():
            kept = self.read()
            revision = put(kept, family, before, after, self.history)
            self._write(kept)
            if change is not None:
                self._log(replace(change, revision=revision, ts=change.ts or history.now()))
            return kept.get(family)

    def server_config(self, wanted: Wanted, usable: Usable = always) -> Any:
        """Return the message for a server of this root: pinned families as they are, others the newest."""
        kept = self.read()
        others = {*kept, *self.families()} - {wanted.family}
        # What another deployer is loading just now must not be dropped.
        rest = [Wanted.of(name, kept.get(name), with_loading=True).where(usable) for name in others]
        return server_config([wanted, *rest], self._model_root)

    def families(self) -> list[str]:
        """Return the names of the families with a pushed version, sorted."""
        if not self.root.is_dir():
            return []
        folders = (entry for entry in self.root.iterdir() if not entry.name.startswith("."))
        return sorted(folder.name for folder in folders if artifact.versions(folder))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Let nobody else change deployments, or remove versions, meanwhile; held for milliseconds."""
        self.root.mkdir(parents=True, exist_ok=True)
        file = os.open(self.root / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        finally:
            os.close(file)

    def _write(self, kept: Mapping[str, Deployment]) -> None:
        aside = self.root / f".{DEPLOYMENTS}-{uuid.uuid4().hex}"
        try:
            _durable(aside, dump(kept), os.O_EXCL)
            aside.rename(self.root / DEPLOYMENTS)
        finally:
            aside.unlink(missing_ok=True)
        sync(self.root)

    def _log(self, change: Change) -> None:
        _durable(self.root / HISTORY, change.line(), os.O_APPEND)


def read_deployments(path: Path) -> dict[str, Deployment]:
    """Return family -> deployment of a file; empty when there is no file.

    Raises:
        LodestarError: The file is damaged.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    return load(text, str(path))


def load(text: str, place: str) -> dict[str, Deployment]:
    """Return family -> deployment of what `dump` has written.

    Raises:
        LodestarError: It is damaged; the message names `place`.
    """
    try:
        value = json.loads(text)
        if not isinstance(value, dict):
            raise ValueError(f"it is no block of families but {value!r}")
        return {family: Deployment.from_json(entry) for family, entry in value.items()}
    except (ValueError, AttributeError) as error:
        raise LodestarError(
            f"What is deployed cannot be read: {error}.",
            source=place,
            cure="Mend or remove it; without it every family follows its newest version.",
        ) from None


def dump(deployments: Mapping[str, Deployment]) -> str:
    """Return the text of what is deployed."""
    return json.dumps({name: deployments[name].as_json() for name in sorted(deployments)}, indent=2) + "\n"


def superseded(family: str, changes: list[Change]) -> Superseded:
    """Return the error for somebody who was overtaken, naming who was faster."""
    last = next((change for change in reversed(changes) if change.family == family), None)
    whose = f": {last.action} by {last.by}" if last else ""
    return Superseded(
        f"The deployment of `{family}` was changed by somebody else meanwhile{whose}.",
        cure=f"Look at it, then decide again: `lodestar status {family}`.",
    )


def put(
    kept: dict[str, Deployment],
    family: str,
    before: Deployment | None,
    after: Deployment | None,
    changes: Callable[[], list[Change]],
) -> int:
    """Put `after`, or nothing, in the place of `before` among what is kept, and return the new revision.

    Raises:
        Superseded: It is no longer `before`; nothing is changed.
    """
    if kept.get(family) != before:
        raise superseded(family, changes())
    revision = _next_revision(family, before, changes)
    if after is None:
        kept.pop(family, None)
    else:
        kept[family] = replace(after, revision=revision)
    return revision


def _next_revision(family: str, before: Deployment | None, changes: Callable[[], list[Change]]) -> int:
    """Return the revision after `before`; a family that comes back goes on where it was."""
    if before is not None:
        return before.revision + 1
    return max((change.revision for change in changes() if change.family == family), default=0) + 1


def _durable(path: Path, text: str, flag: int) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | flag, 0o644)
    with os.fdopen(file, "w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
