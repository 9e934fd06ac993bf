"""`/v1/search`: words, an image or a sound in, ranked items out."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, File, Form, Query, Response, UploadFile
from fastapi.concurrency import run_in_threadpool

from components.family import Family

from .. import ranking
from ..errors import bad_request
from ..models import Limits
from ..predictor import Which
from ..routing import Ask
from ..schemas import Ranking
from .answers import counted
from .parameters import (
    ERRORS,
    MAX_LIMIT,
    Caller,
    Cursor,
    Diversity,
    ModelName,
    PageSize,
    Restricted,
    Served,
    Wanted,
    which_version,
)

router = APIRouter(tags=["search"])


@router.get("/v1/search", responses=ERRORS, summary="Search with words")
def search(
    response: Response,
    gateway: Served,
    which: Wanted,
    limits: Restricted,
    caller: Caller,
    q: Annotated[str, Query(min_length=1, max_length=2000, description="The words.", examples=["vitamin D"])],
    model: ModelName = None,
    limit: PageSize = 10,
    cursor: Cursor = None,
    diversity: Diversity = 0.0,
) -> Ranking:
    """Return the best items for `q`, best first."""
    family = gateway.family(model, "text")
    if not q.strip():
        raise bad_request("The query is blank.", "q")
    query = ranking.Query(
        family=family,
        ask=Ask(family.name, which, caller),
        shown=shown({"q": q}, limits, diversity),
        inputs=inputs_of(family, family.query.text_input, q),
        limits=limits,
        limit=limit,
        cursor=cursor,
        diversity=diversity,
        text=q,
    )
    return counted(gateway, response, gateway.ranker.answer(query))


@router.post("/v1/search", responses=ERRORS, summary="Search with an image or a sound")
async def search_by_file(
    response: Response,
    gateway: Served,
    caller: Caller,
    file: Annotated[UploadFile, File(description="An image or a sound, as the model's kind is.")],
    model: Annotated[str, Form(max_length=80, description="Name of the model.")],
    limit: Annotated[int, Form(ge=1, le=MAX_LIMIT)] = 10,
    version: Annotated[int | None, Form(ge=0, lt=2**63)] = None,
    label: Annotated[str | None, Form(min_length=1, max_length=100)] = None,
    diversity: Annotated[float, Form(ge=0, le=1)] = 0.0,
) -> Ranking:
    """Return the items most like the file. A second page is not kept: ask for a longer first one."""
    family = gateway.family(model)
    kind = family.query.upload
    if kind is None:
        raise bad_request(f"`{family.name}` takes no file.", "model", "wrong_kind")
    declared = file.content_type or ""
    if declared.startswith(("image/", "audio/", "video/")) and not _fits(declared, kind):
        raise bad_request(f"`{family.name}` takes an {kind} file, but this is {declared[:80]}.", "file")
    content = await file.read()
    if not content:
        raise bad_request("The file is empty.", "file")
    which: Which = which_version(version, label)
    about = {"file": {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}}
    query = ranking.Query(
        family=family,
        ask=Ask(family.name, which, caller),
        shown=shown(about, Limits(), diversity),
        inputs=inputs_of(family, family.query.upload_input, content),
        limit=limit,
        diversity=diversity,
        # A cursor would need the file again.
        is_paged=False,
    )
    return counted(gateway, response, await run_in_threadpool(gateway.ranker.answer, query))


def _fits(declared: str, kind: str) -> bool:
    # Browsers record sound into containers that they declare as video.
    return declared.startswith(f"{kind}/") or (kind == "audio" and declared.startswith("video/"))


def inputs_of(family: Family, name: str | None, value: str | bytes) -> dict[str, Any]:
    """Return the inputs of `serving_default`: the one that is asked with, and the family's constants.

    Raises:
        GatewayError: The family has no such input.
    """
    if name is None:
        raise bad_request(f"`{family.name}` cannot be asked this way.", "model", "wrong_kind")
    constants = {constant: np.array([given]) for constant, given in family.query.constants}
    return {**constants, name: np.array([value], dtype=np.object_)}


def shown(query: dict[str, Any], limits: Limits, diversity: float) -> dict[str, Any]:
    """Return the query as the answer repeats it."""
    given = {
        "category": list(limits.categories),
        "exclude": list(limits.exclude),
        "diversity": diversity,
    }
    return {**query, **{name: value for name, value in given.items() if value}}
