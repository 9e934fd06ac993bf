"""What many routes have in common: parameters, who asks, the error answers."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Query, Request

from ..catalogue import storable
from ..errors import bad_request
from ..gateway import Gateway
from ..models import Limits
from ..predictor import NEWEST, Which
from ..schemas import ErrorBody

MAX_LIMIT = 100
_MAX_ID = 512

ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorBody, "description": description}
    for status, description in {
        400: "A parameter is wrong; `field` says which.",
        401: "The API key is missing or unknown.",
        404: "There is no such model, version, label or item.",
        410: "The version of the cursor is not served any more.",
        413: "The request is too large.",
        422: "A parameter is missing or out of range; `field` says which.",
        429: "Too many requests; `Retry-After` says when to ask again.",
        501: "The version that is served cannot do this.",
        502: "The model failed.",
        503: "No model server can be asked now.",
        504: "The model did not answer in time.",
    }.items()
}

ModelName = Annotated[
    str | None,
    Query(
        max_length=80,
        description="Name of the model; may be left out when only one is asked this way.",
        examples=["text-search"],
    ),
]
PageSize = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Results on a page.", examples=[10])]
Cursor = Annotated[str | None, Query(max_length=400, description="`next_cursor` of the page before.")]
Version = Annotated[
    int | None, Query(ge=0, lt=2**63, description="This version, instead of stable.", examples=[3])
]
Label = Annotated[
    str | None,
    Query(min_length=1, max_length=100, description="The version with this label.", examples=["canary"]),
]
Categories = Annotated[
    list[str] | None,
    Query(max_length=50, description="Only items of one of these; repeatable.", examples=[["Drama"]]),
]
Excluded = Annotated[
    list[str] | None, Query(max_length=1000, description="Ids that are left out; repeatable.")
]
Diversity = Annotated[
    float, Query(ge=0, le=1, description="0: by score alone; 1: as different as can be.", examples=[0.3])
]


def gateway_of(request: Request) -> Gateway:
    """Return the gateway that the request came to."""
    found: Gateway = request.app.state.gateway
    return found


Served = Annotated[Gateway, Depends(gateway_of)]


def which_version(version: Version = None, label: Label = None) -> Which:
    """Return which version is asked for.

    Raises:
        GatewayError: Both are given.
    """
    if version is not None and label is not None:
        raise bad_request("Give a version or a label, not both.", "label")
    return NEWEST if version is None and label is None else Which(version, label)


Wanted = Annotated[Which, Depends(which_version)]


def limits_of(category: Categories = None, exclude: Excluded = None) -> Limits:
    """Return what the answer may hold."""
    return Limits(tuple(exclude or ()), tuple(category or ()))


Restricted = Annotated[Limits, Depends(limits_of)]


def caller_of(request: Request) -> str:
    """Return what stands for the caller: one caller always meets the same version."""
    session = request.headers.get("x-lodestar-session", "")
    return session[:100] or str(request.scope.get("lodestar.caller", ""))


Caller = Annotated[str, Depends(caller_of)]


def identifier(text: str, field: str) -> str:
    """Return an id that may be one.

    Raises:
        GatewayError: It is empty, too long, or has characters that no id has.
    """
    if not text or len(text) > _MAX_ID or not storable(text):
        raise bad_request(f"`{field}` must have 1 to {_MAX_ID} characters, none of them NUL.", field)
    return text
