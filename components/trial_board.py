"""A trial in TensorBoard: its settings and what they came to in the tab HParams, and its metrics by step.

The steps are a run of their own: TensorBoard shows what is last in a run as what the settings came to, and
that need not be of the last step.
"""

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
        self._folder = folder
        self._writer = tf.summary.create_file_writer(folder)
        self._steps: tf.summary.SummaryWriter | None = None
        plain = {key: value if _is_plain(value) else str(value) for key, value in params.items()}
        with self._writer.as_default():
            api.hparams(plain, trial_id=name)
        self._writer.flush()

    def add(self, step: int, metrics: Mapping[str, float]) -> None:
        """Add the metrics of one step; they are on disk when this returns."""
        if self._steps is None:
            self._steps = tf.summary.create_file_writer(f"{self._folder}/steps")
        _write(self._steps, step, metrics)

    def close(self, step: int, metrics: Mapping[str, float]) -> None:
        """Say that the trial has succeeded, and with what; nothing can be added after."""
        _write(self._writer, step, metrics)
        ended = summary.session_end_pb(api_pb2.STATUS_SUCCESS)
        with self._writer.as_default(step=0):
            tf.summary.experimental.write_raw_pb(ended.SerializeToString())
        self._writer.close()
        if self._steps is not None:
            self._steps.close()


def _write(writer: tf.summary.SummaryWriter, step: int, metrics: Mapping[str, float]) -> None:
    with writer.as_default(step=step):
        for name, value in metrics.items():
            tf.summary.scalar(name, value)
    writer.flush()


def _is_plain(value: Any) -> bool:
    return isinstance(value, bool | int | float | str)
