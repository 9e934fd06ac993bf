"""The web page: the files below `page/`, served as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

PAGE = Path(__file__).parent / "page"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
# Everything comes from the gateway itself; the microphone is for searches by sound.
SECURITY = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
# Browsers ask each time whether a file has changed: after an update no page mixes old and new ones.
_HEADERS = {"Cache-Control": "no-cache", **SECURITY}


def mount_page(app: FastAPI) -> None:
    """Serve the page at `/` and its files below `/static/`."""

    @app.get("/", include_in_schema=False)
    async def index() -> FileResponse:
        return FileResponse(PAGE / "index.html", media_type=_TYPES[".html"], headers=_HEADERS)

    app.mount("/static", PageFiles(directory=PAGE), name="static")


class PageFiles(StaticFiles):
    """Static files with the page's headers."""

    def file_response(
        self, full_path: Any, stat_result: Any, scope: Scope, status_code: int = 200
    ) -> Response:
        """Answer with a file, or with 304 when the browser has it."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers.update(_HEADERS)
        # What the machine's own table of types says about `.js` is not always what browsers accept.
        kind = _TYPES.get(Path(full_path).suffix)
        if kind and status_code == 200 and response.status_code == 200:
            response.headers["Content-Type"] = kind
        return response
