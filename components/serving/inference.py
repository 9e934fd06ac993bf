"""Classify, regress and both at once, on the signatures that take serialized Examples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import Code, ServingError, invalid
from .json_tensor import Array
from .servable import DEFAULT_SIGNATURE

CLASSIFY = "tensorflow/serving/classify"
REGRESS = "tensorflow/serving/regress"
EXAMPLES, CLASSES, SCORES, OUTPUTS = "inputs", "classes", "scores", "outputs"

_ENUMS = {"float32": "float", "float64": "double", "float16": "half"}

Predict = Callable[[str, Mapping[str, Array]], Mapping[str, Array]]


@dataclass(frozen=True)
class Classification:
    """What a classification found.

    Attributes:
        labels: One row of `bytes` for each example; empty ones when the model has no labels.
        scores: The float of each label; zeros when the model has no scores.
    """

    labels: Array
    scores: Array


class Inference:
    """Runs the signatures of one loaded version on Examples.

    Args:
        signatures: Name -> SignatureDef.
        predict: Runs a signature, given its name and inputs.
        check_methods: Whether a signature's method name must be that of the request, as
            `--enable_signature_method_name_check` has it.
    """

    def __init__(self, signatures: Mapping[str, Any], predict: Predict, check_methods: bool = False) -> None:
        self._signatures = signatures
        self._predict = predict
        self._check_methods = check_methods

    def classify(self, signature_name: str, examples: Sequence[bytes]) -> Classification:
        """Classify each example.

        Raises:
            ServingError: INVALID_ARGUMENT: no such signature, it is none for classification, or its outputs
                are not of that form. FAILED_PRECONDITION: its inputs or outputs have other names.
        """
        signature = self._signature(signature_name, CLASSIFY)
        self.check(signature, CLASSIFY)
        return _classification(self._run(signature_name, signature, examples), len(examples))

    def regress(self, signature_name: str, examples: Sequence[bytes]) -> Array:
        """Return one float for each example.

        Raises:
            ServingError: As `classify` does.
        """
        signature = self._signature(signature_name, REGRESS)
        self.check(signature, REGRESS)
        return _regression(self._run(signature_name, signature, examples), len(examples))

    def check(self, signature: Any, method: str) -> None:
        """Raise unless a signature has the form of a method.

        Raises:
            ServingError: INVALID_ARGUMENT, FAILED_PRECONDITION, or UNIMPLEMENTED for an unknown method.
        """
        if method == CLASSIFY:
            self._check_form(signature, method, "classification", "one or two")
            if not {CLASSES, SCORES} & set(signature.outputs):
                raise ServingError(
                    Code.FAILED_PRECONDITION,
                    "Expected classification signature outputs to contain at least one of"
                    f' "{CLASSES}" or "{SCORES}". Signature was: {signature}',
                )
        elif method == REGRESS:
            self._check_form(signature, method, "regression", "one")
            if OUTPUTS not in signature.outputs:
                raise ServingError(
                    Code.FAILED_PRECONDITION, f"No regression outputs found in SignatureDef: {signature}"
                )
        else:
            raise ServingError(Code.UNIMPLEMENTED, f"Unsupported signature method_name: {method}")

    def _signature(self, name: str, method: str) -> Any:
        name = name or DEFAULT_SIGNATURE
        if name not in self._signatures:
            raise invalid(f"No signature was found with the name: {name}")
        return self._signatures[name]

    def _check_form(self, signature: Any, method: str, kind: str, outputs: str) -> None:
        if self._check_methods and signature.method_name != method:
            raise invalid(
                f"Expected {kind} signature method_name to be {method}. Was: {signature.method_name}"
            )
        if len(signature.inputs) != 1:
            raise invalid("Expected one input Tensor.")
        if len(signature.outputs) not in ((1, 2) if method == CLASSIFY else (1,)):
            found = f"s, found {len(signature.outputs)}" if method == CLASSIFY else "."
            raise invalid(f"Expected {outputs} output Tensor{found}")
        if EXAMPLES not in signature.inputs:
            raise ServingError(
                Code.FAILED_PRECONDITION, f"No {kind} inputs found in SignatureDef: {signature}"
            )

    def _run(self, name: str, signature: Any, examples: Sequence[bytes]) -> Mapping[str, Array]:
        if not examples:
            raise invalid("Input is empty.")
        serialized = np.empty(len(examples), dtype=np.object_)
        serialized[:] = examples
        return self._predict(name or DEFAULT_SIGNATURE, {EXAMPLES: serialized})


def _classification(outputs: Mapping[str, Array], count: int) -> Classification:
    labels, scores = outputs.get(CLASSES), outputs.get(SCORES)
    if labels is not None:
        _check_matrix(labels, count, CLASSES, "object", "DT_STRING")
    if scores is not None:
        _check_matrix(scores, count, SCORES, "float32", "DT_FLOAT")
    if labels is None or scores is None:
        shape = (labels if scores is None else scores).shape  # type: ignore[union-attr]
        labels = np.full(shape, b"", dtype=np.object_) if labels is None else labels
        scores = np.zeros(shape, dtype=np.float32) if scores is None else scores
    if labels.shape != scores.shape:
        raise invalid(
            "Tensors class and score should match in dim_size(1)."
            f" Got {labels.shape[1]} vs. {scores.shape[1]}"
        )
    return Classification(labels, scores)


def _check_matrix(array: Array, count: int, name: str, dtype: str, wanted: str) -> None:
    if array.ndim != 2:
        raise invalid(f"Expected Tensor shape: [batch_size num_classes] but got {_shape(array)}")
    if array.dtype.name != dtype:
        raise invalid(f"Expected {name} Tensor of {wanted}. Got: {_enum(array)}")
    if len(array) != count:
        raise invalid(f"Expected {name} output batch size of {count}. Got: {len(array)}")


def _regression(outputs: Mapping[str, Array], count: int) -> Array:
    values = outputs[OUTPUTS]
    if values.ndim != 1 and not (values.ndim == 2 and values.shape[1] == 1):
        raise invalid(
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got"
            f" {_shape(values)}"
        )
    if len(values) != count:
        raise invalid(f"Input batch size did not match output batch size: {count} vs. {len(values)}")
    if values.dtype.name != "float32":
        raise invalid(f"Expected output Tensor of DT_FLOAT.  Got: {_enum(values)}")
    return values.reshape(-1)


def _shape(array: Array) -> str:
    return f"[{','.join(map(str, array.shape))}]"


def _enum(array: Array) -> str:
    name = "string" if array.dtype == np.object_ else array.dtype.name
    return f"DT_{_ENUMS.get(name, name).upper()}"
