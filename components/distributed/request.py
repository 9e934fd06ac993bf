"""What is to be trained: written by the Trainer node, read by every replica, on storage that both see.

<folder>/request.json       what `run_fn` is given, and the compute settings
<folder>/model, model_run   what the chief makes
<folder>/backup             the newest state
<folder>/signs              signs of life
<folder>/failures           why a replica gave up
"""

from __future__ import annotations

import json
import posixpath
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.errors import InputError, LodestarError, NonFiniteError
from components.family import ComputeSettings

OUTPUTS = ("model", "model_run")


@dataclass(frozen=True)
class Request:
    """A training to be done.

    Attributes:
        folder: Path or URI of its folder.
        compute: The settings.
        run_fn: Import path of the family's `run_fn`.
        arguments: Fields of TFX's FnArgs that are plain values; where to write is under `folder`.
    """

    folder: str
    compute: ComputeSettings
    run_fn: str
    arguments: dict[str, Any]

    @property
    def path(self) -> str:
        """Return where the request itself is."""
        return posixpath.join(self.folder, "request.json")

    @property
    def backup(self) -> str:
        """Return the folder of the newest state."""
        return posixpath.join(self.folder, "backup")

    @property
    def signs(self) -> Path:
        """Return the folder of the signs of life; in an object store they would be too slow."""
        base = tempfile.gettempdir() if "://" in self.folder else self.folder
        return Path(base, "signs")

    def output(self, key: str) -> str:
        """Return where the chief writes the output `key`."""
        return posixpath.join(self.folder, key)

    def failure(self, replica: str) -> str:
        """Return the file in which `replica` says why it gave up."""
        return posixpath.join(self.folder, "failures", f"{replica}.json")

    def write(self) -> None:
        """Write the request; one that is there is replaced."""
        compute = self.compute.model_dump(mode="json")
        content = {"compute": compute, "run_fn": self.run_fn, "arguments": self.arguments}
        _write(self.path, json.dumps(content))

    @classmethod
    def read(cls, path: str) -> Request:
        """Return the request at `path`.

        Raises:
            InputError: It cannot be read.
        """
        try:
            content = json.loads(_read(path))
            compute = ComputeSettings.model_validate(content["compute"])
            return cls(posixpath.dirname(path), compute, content["run_fn"], content["arguments"])
        except (OSError, ValueError, KeyError) as error:
            raise InputError(
                f"Cannot read the request: {error}.",
                source=path,
                cure="Replicas need the volume of the Trainer step at the same path.",
            ) from None

    def write_failure(self, replica: str, error: BaseException, code: int) -> None:
        """Say why `replica` gives up with `code`."""
        said: dict[str, Any] = {"code": code, "problem": f"{type(error).__name__}: {error}"}
        if isinstance(error, LodestarError):
            said |= {"problem": error.problem, "cure": error.cure, "source": error.source}
            said["non_finite"] = isinstance(error, NonFiniteError)
        _write(self.failure(replica), json.dumps(said))

    def read_failure(self, replica: str) -> LodestarError | None:
        """Return why `replica` gave up; None when it did not say."""
        try:
            said = json.loads(_read(self.failure(replica)))
        except (OSError, ValueError):
            return None
        kind = InputError if said["code"] == InputError.exit_code else LodestarError
        kind = NonFiniteError if said.get("non_finite") else kind
        cure = said.get("cure") or "The log has the details."
        return kind(said["problem"], cure=cure, source=said.get("source", ""))


def _read(path: str) -> str:
    if "://" not in path:
        return Path(path).read_text(encoding="utf-8")
    from components.object_store import connect

    connect(path)
    from tfx.dsl.io import fileio

    with fileio.open(path, "r") as file:
        return str(file.read())


def _write(path: str, text: str) -> None:
    if "://" not in path:
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.with_suffix(".tmp").write_text(text, encoding="utf-8")
        target.with_suffix(".tmp").replace(target)
        return
    from tfx.dsl.io import fileio

    with fileio.open(path, "w") as file:
        file.write(text)
