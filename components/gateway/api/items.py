"""`/v1/items/{item}`: all that is known of an item."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from ..errors import not_found
from ..schemas import ItemBody
from .parameters import ERRORS, ModelName, Served, identifier

router = APIRouter(tags=["items"])


@router.get("/v1/items/{item:path}", responses=ERRORS, summary="An item")
def item(
    gateway: Served,
    item: Annotated[str, Path(description="The item's id.", examples=["50"])],
    model: ModelName = None,
) -> ItemBody:
    """Return title and metadata of an item."""
    family = gateway.family(model)
    name = identifier(item, "item")
    found = gateway.catalogue.items(family.name, [name]).get(name)
    if found is None:
        raise not_found(
            "unknown_item", f"The catalogue of `{family.name}` has no item `{name[:80]}`.", "item"
        )
    return ItemBody(id=found.id, title=found.title, metadata=dict(found.metadata))
