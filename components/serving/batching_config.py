"""Read a `batching_parameters_file`, the text proto that TensorFlow Serving reads."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from components.errors import InputError

from . import text_proto

FLAG = "--batching_parameters_file"

_NUMBERS = ("max_batch_size", "batch_timeout_micros", "max_enqueued_batches", "num_batch_threads")
_NAME = "thread_pool_name"
_SCHEMA: text_proto.Schema = {
    **{name: {"value": "int64"} for name in _NUMBERS},
    _NAME: {"value": "string"},
    "allowed_batch_sizes": ["int64"],
    "pad_variable_length_inputs": "bool",
}


@dataclass(frozen=True)
class BatchingParameters:
    """How requests are put together; the defaults are TensorFlow Serving's.

    Attributes:
        max_batch_size: Rows in a batch at most; a request with more is refused.
        batch_timeout_micros: How long a batch that is not full waits for more rows when a thread is free.
        max_enqueued_batches: Batches of one signature that wait; a request beyond them is refused.
        num_batch_threads: Batches that run at once, over all models.
        thread_pool_name: Names the threads.
        allowed_batch_sizes: A batch is padded to the next of these; empty for any size.
        pad_variable_length_inputs: Whether rows of different inner shape are padded to fit together.
    """

    max_batch_size: int = 1000
    batch_timeout_micros: int = 0
    max_enqueued_batches: int = 10
    num_batch_threads: int = os.cpu_count() or 1
    thread_pool_name: str = "model_server_batch_threads"
    allowed_batch_sizes: tuple[int, ...] = ()
    pad_variable_length_inputs: bool = False

    def padded(self, rows: int) -> int:
        """Return the batch size that `rows` rows are padded to."""
        return next((size for size in self.allowed_batch_sizes if size >= rows), rows)


def read(path: Path) -> BatchingParameters:
    """Return the parameters in a file.

    Raises:
        InputError: It cannot be read, is not a text proto of BatchingParameters, or contradicts itself.
    """
    content = text_proto.read(path, FLAG, _SCHEMA)
    given: dict[str, Any] = {name: content[name].get("value", 0) for name in _NUMBERS if name in content}
    if _NAME in content:
        given[_NAME] = content[_NAME].get("value", "")
    parameters = BatchingParameters(
        **given,
        allowed_batch_sizes=tuple(content.get("allowed_batch_sizes", ())),
        pad_variable_length_inputs=content.get("pad_variable_length_inputs", False),
    )
    problem = _problem(parameters)
    if problem:
        raise InputError(problem, source=str(path), cure=f"Correct the file that `{FLAG}` names.")
    return parameters


def _problem(parameters: BatchingParameters) -> str:
    for name in _NUMBERS:
        least = int(name != "batch_timeout_micros")
        if getattr(parameters, name) < least:
            return f"{name} must be at least {least}; was {getattr(parameters, name)}."
    sizes = parameters.allowed_batch_sizes
    if sizes and sizes[-1] != parameters.max_batch_size:
        return (
            f"Last entry in allowed_batch_sizes must match max_batch_size; last entry was {sizes[-1]}; "
            f"expected {parameters.max_batch_size}."
        )
    if any(later <= earlier for earlier, later in pairwise((0, *sizes))):
        return "allowed_batch_sizes entries must be positive and monotonically increasing."
    return ""
