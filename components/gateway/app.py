"""The ASGI application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio.to_thread
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from .api import feedback, health, items, model_list, recommend, search, similar, users
from .edge import Edge
from .errors import GatewayError
from .gateway import Gateway
from .guard import Guard
from .web import mount_page

_THREADS = 64
_API = (model_list, search, recommend, similar, users, items, feedback, health)
_SECURITY = {
    "ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "Bearer": {"type": "http", "scheme": "bearer"},
}


def create_app(gateway: Gateway) -> FastAPI:
    """Return the application; it closes the gateway when it ends.

    Args:
        gateway: Its parts.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = _THREADS
        gateway.start()
        yield
        await asyncio.to_thread(gateway.close)

    app = FastAPI(
        title="Lodestar gateway",
        summary="Search and recommendation on top of TensorFlow Serving.",
        version="1",
        lifespan=lifespan,
        # Swagger's page loads its scripts from elsewhere, which the page's policy forbids.
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
    )
    app.state.gateway = gateway
    for module in _API:
        app.include_router(module.router)
    mount_page(app)
    _add_errors(app)
    _add_security(app, gateway)
    app.add_middleware(Guard, gateway=gateway)
    app.add_middleware(Edge, gateway=gateway)
    return app


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(GatewayError)
    async def refused(_: Request, error: GatewayError) -> JSONResponse:
        return JSONResponse(error.body(), error.status, error.headers)

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> JSONResponse:
        code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "invalid_request")
        body = GatewayError(error.status_code, code, f"{error.detail}.").body()
        return JSONResponse(body, error.status_code, dict(error.headers or {}))

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        # The first part says where it was: query, path or body.
        field = ".".join(str(part) for part in first["loc"][1:]) or None
        message = f"{first['msg']}." + (
            f" And {len(error.errors()) - 1} more." if len(error.errors()) > 1 else ""
        )
        return JSONResponse(GatewayError(422, "invalid_request", message, field=field).body(), 422)


def _add_security(app: FastAPI, gateway: Gateway) -> None:
    make = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = make()
            if gateway.keys is not None:
                schema.setdefault("components", {})["securitySchemes"] = _SECURITY
                schema["security"] = [{name: []} for name in _SECURITY]
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
