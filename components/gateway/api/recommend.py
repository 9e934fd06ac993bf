"""`/v1/recommend/{user}`: what a user may like."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Path, Query, Response

from components.family import Family

from .. import ranking
from ..gateway import Gateway
from ..models import Limits
from ..routing import Ask
from ..schemas import Ranking
from .answers import counted
from .parameters import (
    ERRORS,
    Cursor,
    Diversity,
    ModelName,
    PageSize,
    Restricted,
    Served,
    Wanted,
    identifier,
)
from .search import inputs_of, shown

router = APIRouter(tags=["recommendation"])


@router.get("/v1/recommend/{user:path}", responses=ERRORS, summary="Recommend to a user")
def recommend(
    response: Response,
    gateway: Served,
    which: Wanted,
    limits: Restricted,
    user: Annotated[str, Path(description="The user's id.", examples=["42"])],
    model: ModelName = None,
    limit: PageSize = 10,
    cursor: Cursor = None,
    exclude_seen: Annotated[bool, Query(description="Leave out what the user had already.")] = True,
    diversity: Diversity = 0.0,
    reasons: Annotated[bool, Query(description="Say why each item is there.")] = True,
) -> Ranking:
    """Return what the user may like best. An unknown user gets what is popular."""
    family = gateway.family(model, "user")
    who = identifier(user, "user")
    inputs = inputs_of(family, dict(family.query.options).get("user"), who)
    if "exclude_seen" in inputs:
        inputs["exclude_seen"] = np.array([exclude_seen])
    query = ranking.Query(
        family=family,
        ask=Ask(family.name, which, who),
        shown={**shown({"user": who}, limits, diversity), "exclude_seen": exclude_seen},
        inputs=inputs,
        limits=_without_history(gateway, family, who, limits) if exclude_seen else limits,
        limit=limit,
        cursor=cursor,
        diversity=diversity,
        user=who if reasons else None,
    )
    return counted(gateway, response, gateway.ranker.answer(query))


def _without_history(gateway: Gateway, family: Family, user: str, limits: Limits) -> Limits:
    # The model knows what it was trained on; what it was evaluated on and what came since is known here.
    had = gateway.catalogue.had(family.name, user)
    return replace(limits, exclude=tuple(dict.fromkeys([*limits.exclude, *had])))
