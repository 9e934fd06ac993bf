"""Refusals of the API server as its HTTP gateway writes them: google.rpc.Status and an HTTP status."""

from __future__ import annotations

from typing import Any

# gRPC's codes, and what the gateway makes of them.
INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS, INTERNAL, UNIMPLEMENTED = 3, 5, 6, 13, 12
_HTTP = {INVALID_ARGUMENT: 400, NOT_FOUND: 404, ALREADY_EXISTS: 409, INTERNAL: 500, UNIMPLEMENTED: 501}
_KINDS = {
    INVALID_ARGUMENT: "Invalid input error",
    NOT_FOUND: "ResourceNotFoundError",
    ALREADY_EXISTS: "Already exist error",
}


class Refusal(Exception):
    """A request that is refused.

    Args:
        code: gRPC's code.
        message: What a person is told.
        doing: What the server was doing, outermost first.
    """

    def __init__(self, code: int, message: str, *doing: str) -> None:
        super().__init__(message)
        self.code, self.message, self.doing = code, message, doing

    def while_doing(self, what: str) -> Refusal:
        """Return the same refusal from one level further out."""
        return Refusal(self.code, self.message, what, *self.doing)

    @property
    def http(self) -> int:
        return _HTTP[self.code]

    def body(self) -> dict[str, Any]:
        """Return the answer's body."""
        kind = _KINDS.get(self.code)
        whole = ": ".join([*self.doing, *([kind] if kind else []), self.message])
        detail = {
            "@type": "type.googleapis.com/google.rpc.Status",
            "code": self.code,
            "message": self.message,
        }
        return {"error": whole, "code": self.code, "message": whole, "details": [detail]}


def invalid(message: str) -> Refusal:
    """Return a refusal of what was given."""
    return Refusal(INVALID_ARGUMENT, message)


def not_found(kind: str, key: str) -> Refusal:
    """Return the refusal for an object that there is not."""
    return Refusal(NOT_FOUND, f"{kind} {key} not found.")
