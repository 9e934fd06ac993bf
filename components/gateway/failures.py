"""What a model server's refusal means to a caller of the gateway."""

from __future__ import annotations

from components.serving.errors import UNKNOWN_LABEL

from .errors import GatewayError
from .predictor import PredictorError

_NO_SIGNATURE = "not found"


def explained(error: PredictorError) -> GatewayError:
    """Return the error that the caller gets."""
    code, message = error.code, error.message
    if UNKNOWN_LABEL in message:
        return GatewayError(
            404, "unknown_label", f"`{error.model}` has no such label: {message}.", field="label"
        )
    if code == "NOT_FOUND":
        return GatewayError(404, "not_served", f"`{error.model}` is not served: {message}.", field="version")
    if code == "FAILED_PRECONDITION" and _NO_SIGNATURE in message:
        return GatewayError(501, "unsupported", f"`{error.model}` cannot do this: {message}.", field="model")
    if code in ("INVALID_ARGUMENT", "OUT_OF_RANGE", "FAILED_PRECONDITION"):
        return GatewayError(400, "refused_by_model", f"`{error.model}` refused the query: {_short(message)}.")
    if code == "DEADLINE_EXCEEDED":
        return GatewayError(504, "timeout", f"`{error.model}` did not answer in time.")
    if code in ("UNAVAILABLE", "RESOURCE_EXHAUSTED"):
        return GatewayError(
            503,
            "unavailable",
            f"`{error.model}` cannot be asked now: {_short(message)}.",
            headers={"Retry-After": "1"},
        )
    return GatewayError(502, "model_failed", f"`{error.model}` failed: {_short(message)}.")


def _short(message: str) -> str:
    # TensorFlow adds the graph's traceback, which is nothing for a caller.
    return message.split("\n", 1)[0][:300].rstrip(".")
