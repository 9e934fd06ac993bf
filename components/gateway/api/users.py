"""`/v1/users`: whom the recommender knows, and what they did."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated

from fastapi import APIRouter, Path, Query

from .. import cursors
from ..catalogue import Event
from ..gateway import Gateway
from ..schemas import History, HistoryEvent, User, UserList
from .parameters import ERRORS, Cursor, ModelName, PageSize, Served, identifier

router = APIRouter(tags=["users"])


@router.get("/v1/users", responses=ERRORS, summary="Users whose id begins so")
def users(
    gateway: Served,
    model: ModelName = None,
    prefix: Annotated[str, Query(max_length=512, description="The beginning of the id.")] = "",
    limit: PageSize = 10,
) -> UserList:
    """Return users of the training data, shortest id first."""
    family = gateway.family(model, "user")
    found = gateway.catalogue.users(family.name, prefix, limit)
    return UserList(users=[User(id=name, events=events) for name, events in found])


@router.get("/v1/users/{user:path}/history", responses=ERRORS, summary="What a user did")
def history(
    gateway: Served,
    user: Annotated[str, Path(description="The user's id.", examples=["42"])],
    model: ModelName = None,
    limit: PageSize = 10,
    cursor: Cursor = None,
) -> History:
    """Return a user's events, newest first; none for a user that is not known."""
    family = gateway.family(model, "user")
    who = identifier(user, "user")
    after = None
    if cursor is not None:
        moment, number = cursors.read(cursor, f"history {family.name} {who}", 2).numbers
        after = (moment, number)
    events = gateway.catalogue.history(family.name, who, limit + 1, after)
    page, last = events[:limit], events[limit - 1 : limit]
    following = None
    if len(events) > limit:
        place = cursors.Place((last[0].time, last[0].number))
        following = cursors.write(place, f"history {family.name} {who}")
    return History(user=who, events=_named(gateway, family.name, page), next_cursor=following)


def _named(gateway: Gateway, model: str, events: list[Event]) -> list[HistoryEvent]:
    items = gateway.catalogue.items(model, [event.item for event in events])
    return [
        HistoryEvent(
            item=event.item,
            title=items[event.item].title if event.item in items else "",
            value=event.value,
            type=event.type,
            time=_iso(event.time),
        )
        for event in events
    ]


def _iso(seconds: int) -> str | None:
    if not seconds:
        return None
    try:
        return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return None
