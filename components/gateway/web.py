"""The web page: the files below `page/`, served as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles

PAGE = Path(__file__).parent / "page"
# What the machine's own table of types says about `.js` is not always what browsers accept.
_TYPES = {".css": "text/css", ".html": "text/html", ".js": "text/javascript", ".svg": "image/svg+xml"}
# Browsers ask each time whether a file has changed: a new release must not run with old scripts.
_HEADERS = {"Cache-Control": "no-cache"}


def mount_page(app: FastAPI) -> None:
    """Serve the page at `/` and its files below `/static/`."""

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return FileResponse(PAGE / "index.html", media_type="text/html", headers=_HEADERS)

    app.mount("/static", _Files(directory=PAGE), name="static")


class _Files(StaticFiles):
    def file_response(self, full_path: Any, *arguments: Any, **named: Any) -> Response:
        """Answer with the file, or with 304 when the browser has it."""
        response = super().file_response(full_path, *arguments, **named)
        response.headers.update(_HEADERS)
        kind = _TYPES.get(Path(full_path).suffix)
        if kind and response.status_code == 200:
            response.headers["Content-Type"] = f"{kind}; charset=utf-8"
        return response
