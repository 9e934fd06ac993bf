"""Errors that an answer can end with: the HTTP status and the code of each."""

from __future__ import annotations

from collections.abc import Mapping


class GatewayError(Exception):
    """Signal that one request cannot be answered; the gateway goes on.

    Args:
        status: HTTP status.
        code: A word for programs, e.g. `unknown_model`.
        message: One sentence for people, with the offending value.
        field: The parameter that is wrong, where it is one.
        headers: Added to the answer.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.field = field
        self.headers = dict(headers or {})

    def body(self) -> dict[str, object]:
        """Return the JSON that the caller gets."""
        return {"error": {"code": self.code, "message": self.message, "field": self.field}}


def bad_request(message: str, field: str | None = None, code: str = "invalid_request") -> GatewayError:
    """Return the error for something that the caller can mend."""
    return GatewayError(400, code, message, field=field)


def not_found(code: str, message: str, field: str | None = None) -> GatewayError:
    """Return the error for something that is not there."""
    return GatewayError(404, code, message, field=field)
