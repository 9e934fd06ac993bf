"""One loaded SavedModel: run a signature on arrays.

Runs the graph in a session of its own, as TensorFlow Serving does: variables and tables are not shared with
any other version and are freed with it, and outputs that nobody asked for are not computed.
"""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from . import signature_inputs
from .errors import Code, ServingError, invalid
from .json_tensor import Array
from .options import LoadOptions

if TYPE_CHECKING:
    from .batching import Scheduler

DEFAULT_SIGNATURE = "serving_default"
_NAMES = {"float32": "float", "float64": "double", "float16": "half"}


def dtype_name(dtype: int) -> str:
    """Return TensorFlow Serving's word for a type, e.g. `float` for `tf.float32`."""
    name: str = tf.dtypes.as_dtype(dtype).name
    return _NAMES.get(name, name)


def load(path: Path, options: LoadOptions = LoadOptions()) -> Servable:  # noqa: B008 - it is frozen
    """Load a SavedModel and warm it up.

    Raises:
        Exception: Whatever TensorFlow makes of a folder that is no good SavedModel.
    """
    servable = Servable(path, options)
    if options.warm_up:
        servable.warm_up()
    return servable


class Servable:
    """A loaded version; every method may be called from many threads at once.

    Args:
        path: Folder of a SavedModel.
        options: Which of its graphs, and how many threads.
    """

    def __init__(self, path: Path, options: LoadOptions = LoadOptions()) -> None:  # noqa: B008
        self._scheduler: Scheduler | None = options.batching
        self._max_rows = options.max_rows
        self._graph = tf.Graph()
        config = tf.compat.v1.ConfigProto(
            intra_op_parallelism_threads=options.intra_op_threads,
            inter_op_parallelism_threads=options.inter_op_threads,
        )
        self._session = tf.compat.v1.Session(graph=self._graph, config=config)
        with self._graph.as_default():
            meta = tf.compat.v1.saved_model.load(self._session, list(options.tags), str(path))
        self.signatures: dict[str, Any] = dict(meta.signature_def)
        # A signature of something else than dense tensors (the initializer is one) shows only in metadata.
        self._runnable = {
            name: signature for name, signature in self.signatures.items() if _is_dense(signature)
        }
        self._defaults = {
            name: signature_inputs.defaults(signature) for name, signature in self._runnable.items()
        }
        self._tensors = {
            info.name: self._graph.get_tensor_by_name(info.name)
            for signature in self._runnable.values()
            for info in _infos(signature)
        }

    def input_dtypes(self, signature_name: str) -> dict[str, str]:
        """Return input name -> type name; an empty name is the default signature.

        Raises:
            ServingError: INVALID_ARGUMENT: there is no such signature.
        """
        name = signature_name or DEFAULT_SIGNATURE
        signature = self._runnable.get(name)
        if signature is None:
            raise invalid(f'Serving signature name: "{name}" not found in signature def')
        if not signature.inputs:
            raise invalid(f"Failed to get input map for signature: {signature_name or 'DEFAULT'}")
        return {key: dtype_name(info.dtype) for key, info in signature.inputs.items()}

    def optional_inputs(self, signature_name: str) -> frozenset[str]:
        """Return the inputs that need not be sent: those with a default value."""
        return frozenset(self._defaults.get(signature_name or DEFAULT_SIGNATURE, ()))

    def predict(
        self,
        signature_name: str,
        inputs: Mapping[str, Array],
        output_filter: Sequence[str] = (),
        deadline: float | None = None,
    ) -> dict[str, Array]:
        """Run a signature, together with other requests when batching is on.

        Args:
            signature_name: Empty for the default signature.
            inputs: Input name -> array; strings are object arrays of `bytes`. One with a default value may
                be left out.
            output_filter: Names of the outputs to compute; empty for all.
            deadline: When to give up, in `monotonic` seconds; None for never.

        Returns:
            Output name -> array, strings as object arrays of `bytes`.

        Raises:
            ServingError: FAILED_PRECONDITION: no such signature. INVALID_ARGUMENT: names, types or shapes
                that do not fit it, or more rows than the server takes. DEADLINE_EXCEEDED: the deadline
                passed. Otherwise whatever code the graph failed with, or the batching.
        """
        name = signature_name or DEFAULT_SIGNATURE
        signature = self._runnable.get(name)
        if signature is None:
            raise ServingError(Code.FAILED_PRECONDITION, f'Serving signature key "{name}" not found.')
        arrays = signature_inputs.complete(inputs, signature, self._defaults[name])
        for index, (key, info) in enumerate(sorted(signature.inputs.items())):
            _check_dtype(arrays[key], info.dtype, index)
            _check_rows(arrays[key], self._max_rows)
        names = _chosen(output_filter, signature.outputs)

        def run(rows: Mapping[str, Array], until: float | None) -> dict[str, Array]:
            return self._run(signature, names, rows, until)

        # A default value has rows of its own, which cannot be one for each row of a batch.
        if self._scheduler is None or len(inputs) < len(arrays):
            return run(arrays, deadline)
        return self._scheduler.run((self, name, frozenset(names)), run, arrays, deadline)

    def warm_up(self) -> None:
        """Run every signature once, so that the first request is not the slow one.

        Each gets one row of zeros or empty strings; one that refuses it is left cold.
        """
        for name, signature in self._runnable.items():
            inputs = {key: _zeros(info) for key, info in signature.inputs.items()}
            try:
                self.predict(name, inputs)
            except ServingError:
                continue

    def close(self) -> None:
        """Free the model's memory; nothing may run any more."""
        self._session.close()
        del self._session, self._graph, self._tensors
        # The graph's Python objects refer to each other; without this its memory stays for a long time.
        gc.collect()

    def _run(
        self, signature: Any, names: Sequence[str], inputs: Mapping[str, Array], deadline: float | None
    ) -> dict[str, Array]:
        fetches = {key: self._tensors[signature.outputs[key].name] for key in names}
        feeds = {self._tensors[signature.inputs[key].name]: array for key, array in inputs.items()}
        try:
            results = self._session.run(fetches, feeds, options=_run_options(deadline))
        except tf.errors.OpError as error:
            raise ServingError(Code(error.error_code), error.message) from error
        except ValueError as error:
            raise invalid(str(error)) from error
        return {key: np.asarray(_objects(value)) for key, value in results.items()}


def _run_options(deadline: float | None) -> Any:
    if deadline is None:
        return None
    left = deadline - monotonic()
    if left <= 0:
        raise ServingError(Code.DEADLINE_EXCEEDED, "The deadline passed before the model could run.")
    # 0 would mean for ever.
    return tf.compat.v1.RunOptions(timeout_in_ms=max(1, int(1000 * left)))


def _infos(signature: Any) -> list[Any]:
    return [*signature.inputs.values(), *signature.outputs.values()]


def _is_dense(signature: Any) -> bool:
    return all(":" in info.name for info in _infos(signature))


def _objects(value: Any) -> Any:
    # A scalar string comes back as plain bytes, which numpy would turn into a fixed-width type.
    return np.array(value, dtype=np.object_) if isinstance(value, bytes) else value


def _check_dtype(array: Array, expected: int, index: int) -> None:
    wanted = tf.dtypes.as_dtype(expected)
    if tf.dtypes.as_dtype(array.dtype) != wanted:
        actual = dtype_name(tf.dtypes.as_dtype(array.dtype).as_datatype_enum)
        raise invalid(f"Expects arg[{index}] to be {dtype_name(expected)} but {actual} is provided")


def _check_rows(array: Array, limit: int) -> None:
    if array.ndim and len(array) > limit:
        raise invalid(f"The request has {len(array)} rows; this server takes at most {limit} at a time.")


def _chosen(output_filter: Sequence[str], outputs: Mapping[str, Any]) -> list[str]:
    chosen: list[str] = []
    for alias in output_filter:
        if alias not in outputs:
            raise invalid(
                f"output tensor alias not found in signature: {alias} Outputs expected to be in the set"
                f" {{{','.join(sorted(outputs))}}}."
            )
        if alias in chosen:
            raise invalid(f"duplicate output tensor alias: {alias}")
        chosen.append(alias)
    return chosen or sorted(outputs)


def _zeros(info: Any) -> Array:
    dtype = tf.dtypes.as_dtype(info.dtype)
    shape = [max(dim.size, 1) for dim in info.tensor_shape.dim] or (
        [1] if info.tensor_shape.unknown_rank else []
    )
    if dtype == tf.string:
        return np.full(shape, b"", dtype=np.object_)
    return np.zeros(shape, dtype=dtype.as_numpy_dtype)
