"""What a request has to pass before any work is done for it: load, key, rate, size."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .errors import GatewayError
from .gateway import Gateway
from .refusal import refuse


class _TooLarge(Exception):
    """Signal that a body has more bytes than are taken."""


class Guard:
    """ASGI middleware.

    Args:
        app: What answers.
        gateway: Its parts.
    """

    def __init__(self, app: ASGIApp, gateway: Gateway) -> None:
        self._app = app
        self._gateway = gateway
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it."""
        if scope["type"] != "http" or not scope["path"].startswith("/v1/"):
            await self._app(scope, receive, send)
            return
        try:
            self._admit(scope)
        except GatewayError as error:
            await refuse(send, error)
            return
        self._under_way += 1
        try:
            await self._bounded(scope, receive, send)
        finally:
            self._under_way -= 1

    def _admit(self, scope: Scope) -> None:
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        address = (scope.get("client") or ("unknown", 0))[0]
        scope["lodestar.caller"] = address
        if self._under_way >= self._gateway.settings.max_concurrent:
            raise self._rejected(
                "overload", 503, "overloaded", "Too many requests are under way; ask again.", retry_after=1
            )
        known = self._name(headers)
        self._within_rate(f"key {known}" if known else f"address {address}")
        if self._gateway.keys is not None and known is None:
            raise self._rejected(
                "key",
                401,
                "unauthorized",
                "Give a known API key as `X-API-Key` or `Authorization: Bearer`.",
                {"WWW-Authenticate": "Bearer"},
            )
        scope["lodestar.caller"] = known or address
        length = headers.get(b"content-length", "0")
        if length.isdecimal() and int(length) > self._limit(scope):
            raise self._large(scope)

    def _name(self, headers: Mapping[bytes, str]) -> str | None:
        if self._gateway.keys is None:
            return None
        scheme, _, token = headers.get(b"authorization", "").partition(" ")
        key = headers.get(b"x-api-key") or (token.strip() if scheme.lower() == "bearer" else "")
        return self._gateway.keys.name_of(key) if key else None

    def _within_rate(self, caller: str) -> None:
        wait = self._gateway.rate.wait_seconds(caller)
        if wait:
            text = self._gateway.settings.rate_limit
            raise self._rejected(
                "rate", 429, "rate_limited", f"More than {text} from one caller.", retry_after=wait
            )

    def _rejected(
        self,
        reason: str,
        status: int,
        code: str,
        message: str,
        headers: Mapping[str, str] | None = None,
        retry_after: int = 0,
    ) -> GatewayError:
        self._gateway.metrics.rejected.labels(reason).inc()
        more = {"Retry-After": str(retry_after)} if retry_after else {}
        return GatewayError(status, code, message, headers={**(headers or {}), **more})

    def _limit(self, scope: Scope) -> int:
        settings = self._gateway.settings
        return settings.max_upload_bytes if scope["path"] == "/v1/search" else settings.max_body_bytes

    def _large(self, scope: Scope) -> GatewayError:
        message = f"A request to {scope['path'][:100]} may have {self._limit(scope):,} bytes."
        return self._rejected("size", 413, "too_large", message, {"Connection": "close"})

    async def _bounded(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the body on as far as it may go; what the application says about the rest is not sent."""
        limit, got = self._limit(scope), 0
        refused: GatewayError | None = None
        started = False

        async def bounded() -> Message:
            nonlocal got, refused
            message = await receive()
            got += len(message.get("body", b""))
            if got > limit:
                refused = self._large(scope)
                raise _TooLarge
            return message

        async def unless_refused(message: Message) -> None:
            nonlocal started
            if refused is None:
                started = True
                await send(message)

        with contextlib.suppress(_TooLarge):
            await self._app(scope, bounded, unless_refused)
        if refused is not None and not started:
            await refuse(send, refused)
