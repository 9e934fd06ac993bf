"""A trial in TensorBoard: its metrics by step, and its settings in the tab HParams."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from tensorboard.plugins.hparams import api, api_pb2, summary


class TrialBoard:
    """Writes one trial's run.

    Args:
        folder: Where to; TensorBoard on the folder of all trials compares them.
        params: The trial's point; TensorBoard takes numbers, words and truth values, so lists become words.
        name: Of the trial.
    """

    def __init__(self, folder: str, params: Mapping[str, Any], name: str) -> None:
        self._writer = tf.summary.create_file_writer(folder)
        plain = {key: value if _is_plain(value) else str(value) for key, value in params.items()}
        with self._writer.as_default():
            api.hparams(plain, trial_id=name)

    def add(self, step: int, metrics: Mapping[str, float]) -> None:
        """Add the metrics of one step; they are on disk when this returns."""
        with self._writer.as_default(step=step):
            for name, value in metrics.items():
                tf.summary.scalar(name, value)
        self._writer.flush()

    def close(self) -> None:
        """Say that the trial has succeeded; nothing can be added after."""
        ended = summary.session_end_pb(api_pb2.STATUS_SUCCESS)
        with self._writer.as_default(step=0):
            tf.summary.experimental.write_raw_pb(ended.SerializeToString())
        self._writer.close()


def _is_plain(value: Any) -> bool:
    return isinstance(value, bool | int | float | str)
