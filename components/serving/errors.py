"""Errors that a request can end with, and the HTTP status of each."""

from __future__ import annotations

from enum import IntEnum


class Code(IntEnum):
    """Canonical status codes; the numbers are those of gRPC and TensorFlow."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


HTTP_STATUS = {
    Code.OK: 200,
    Code.CANCELLED: 499,
    Code.UNKNOWN: 500,
    Code.INVALID_ARGUMENT: 400,
    Code.DEADLINE_EXCEEDED: 504,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.PERMISSION_DENIED: 403,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.FAILED_PRECONDITION: 400,
    Code.ABORTED: 409,
    Code.OUT_OF_RANGE: 400,
    Code.UNIMPLEMENTED: 501,
    Code.INTERNAL: 500,
    Code.UNAVAILABLE: 503,
    Code.DATA_LOSS: 500,
    Code.UNAUTHENTICATED: 401,
}


# How TensorFlow Serving begins to say that a model has no such label; clients know it by that.
UNKNOWN_LABEL = "Unrecognized servable version label"


class ServingError(Exception):
    """Signal that one request cannot be answered; the server goes on.

    Messages keep TensorFlow Serving's wording, so they need not end with a period.

    Args:
        code: What kind of failure it is.
        message: The text that the caller gets.
        http_status: Overrides the status that `code` maps to.
    """

    def __init__(self, code: Code, message: str, *, http_status: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.http_status = HTTP_STATUS[code] if http_status is None else http_status


def invalid(message: str) -> ServingError:
    """Return the error for a request that is wrong whatever the server's state."""
    return ServingError(Code.INVALID_ARGUMENT, message)


def too_large(message: str) -> ServingError:
    """Return the error for a request over a size limit (HTTP 413)."""
    return ServingError(Code.RESOURCE_EXHAUSTED, message, http_status=413)
