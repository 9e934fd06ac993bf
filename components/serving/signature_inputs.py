"""Match a request's inputs with a signature's, which may have default values for some."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from .errors import invalid
from .json_tensor import Array


def defaults(signature: Any) -> dict[str, Array]:
    """Return the values that a SignatureDef's inputs have when a request does not send them."""
    return {name: tf.make_ndarray(value) for name, value in signature.defaults.items()}


def complete(inputs: Mapping[str, Array], signature: Any, standing: Mapping[str, Array]) -> dict[str, Array]:
    """Return an array for every input of a signature: the one that was sent or, without one, the default.

    Args:
        inputs: What was sent.
        signature: The SignatureDef.
        standing: What `defaults` made of it.

    Raises:
        ServingError: INVALID_ARGUMENT: names that the signature does not have, or one without a default is
            missing.
    """
    expected = signature.inputs
    if len(inputs) > len(expected) or (len(inputs) < len(expected) and not standing):
        raise invalid(_sizes(inputs, expected))
    completed = {}
    for name in sorted(expected):
        if name in inputs:
            completed[name] = inputs[name]
        elif name in standing:
            completed[name] = standing[name]
        else:
            raise invalid(
                f"Signature input alias: {name}(feed name: {expected[name].name}) not found in request and no"
                f" default value provided. Inputs expected to be in the request {{{_names(inputs)}}}, or"
                f" default input alias set: {_names(standing)}"
            )
    unused = [name for name in inputs if name not in expected]
    if unused:
        used = [name for name in inputs if name in expected]
        raise invalid(
            f"Inputs contains invalid name. Used request inputs: {_names(used)}, request input:"
            f" {_names(inputs)}"
        )
    return completed


def _sizes(inputs: Mapping[str, Array], expected: Mapping[str, Any]) -> str:
    sent, wanted = set(inputs), set(expected)
    return (
        f"input size does not match signature: {len(sent)}!={len(wanted)} len({{{_names(sent)}}})"
        f" != len({{{_names(wanted)}}}). Sent extra: {{{_names(sent - wanted)}}}."
        f" Missing but required: {{{_names(wanted - sent)}}}."
    )


def _names(names: Any) -> str:
    return ",".join(sorted(names))
