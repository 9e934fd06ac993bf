"""Whether the gateway lives, whether it can answer, and what it counts."""

from __future__ import annotations

from fastapi import APIRouter, Response

from ..errors import GatewayError
from ..metrics import CONTENT_TYPE
from .parameters import Served

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="The process lives")
async def healthz() -> dict[str, str]:
    """Return at once, whatever becomes of model servers and database."""
    return {"status": "ok"}


@router.get("/readyz", summary="Requests can be answered")
def readyz(gateway: Served) -> dict[str, str]:
    """Return when a model server accepts connections; 503 when none does."""
    if not gateway.predictor.reachable():
        addresses = ", ".join(gateway.predictor.servers.addresses())
        raise GatewayError(503, "unavailable", f"No model server accepts connections at {addresses}.")
    return {"status": "ok"}


@router.get("/metrics", summary="Counters, for Prometheus", response_class=Response)
async def metrics(gateway: Served) -> Response:
    """Return the counters."""
    return Response(gateway.metrics.text(), media_type=CONTENT_TYPE)
