"""`/v1/similar/{item}`: items like another."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response

from .. import ranking
from ..routing import Ask
from ..schemas import Ranking
from .answers import counted
from .parameters import ERRORS, Caller, ModelName, PageSize, Served, Wanted, identifier

router = APIRouter(tags=["recommendation", "search"])


@router.get("/v1/similar/{item:path}", responses=ERRORS, summary="Items like another")
def similar(
    response: Response,
    gateway: Served,
    which: Wanted,
    caller: Caller,
    item: Annotated[str, Path(description="The item's id.", examples=["50"])],
    model: ModelName = None,
    limit: PageSize = 10,
) -> Ranking:
    """Return the items most like `item`, without itself; none for an item that is not known."""
    family = gateway.family(model)
    name = identifier(item, "item")
    query = ranking.Query(
        family=family,
        ask=Ask(family.name, which, caller),
        shown={"item": name},
        inputs={},
        limit=limit,
        item=name,
        is_paged=False,
    )
    return counted(gateway, response, gateway.ranker.answer(query))
