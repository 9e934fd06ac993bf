"""The newest state of a training, on the shared root: a restarted replica continues from it."""

from __future__ import annotations

import json
from typing import Any

import tensorflow as tf


class Backup:
    """Saves and restores a model's variables together with notes on how far training has come.

    A state becomes the newest one only when all of it is written; the one before is kept until then. Sharded
    variables are written by the parameter servers that hold them.

    Args:
        folder: Path or URI that every process sees; None keeps nothing.
        writes: Whether this process saves; the others' calls of `save` do nothing.
    """

    def __init__(self, folder: str | None = None, writes: bool = True) -> None:
        self._folder = folder
        self._writes = writes

    @property
    def kept(self) -> bool:
        """Return whether states are kept at all."""
        return self._folder is not None

    def notes(self) -> dict[str, Any] | None:
        """Return the notes of the newest state; None when there is none."""
        latest = newest(self._folder)
        if latest is None:
            return None
        kept = _Notes("")
        tf.train.Checkpoint(notes=kept).restore(latest).expect_partial()
        return dict(json.loads(kept.text))

    def restore(self, model: tf.Module) -> None:
        """Set the variables of `model` to the newest state, which must exist."""
        latest = newest(self._folder)
        tf.train.Checkpoint(model=model).restore(latest).assert_existing_objects_matched().expect_partial()

    def save(self, model: tf.Module, notes: dict[str, Any]) -> None:
        """Make the variables of `model` and JSON-like `notes` the newest state."""
        if self._folder is None or not self._writes:
            return
        checkpoint = tf.train.Checkpoint(model=model, notes=_Notes(json.dumps(notes)))
        manager = tf.train.CheckpointManager(checkpoint, self._folder, max_to_keep=2)
        latest = newest(self._folder)
        manager.save(checkpoint_number=int(latest.rpartition("-")[2]) + 1 if latest else 1)


def newest(folder: str | None) -> str | None:
    """Return the name of the newest complete state in `folder`; None when there is none."""
    return tf.train.latest_checkpoint(folder) if folder else None


class _Notes(tf.train.experimental.PythonState):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def serialize(self) -> str:
        return self.text

    def deserialize(self, string_value: str) -> None:
        self.text = string_value
