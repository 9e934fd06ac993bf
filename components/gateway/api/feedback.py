"""`/v1/feedback`: what users did with the answers."""

from __future__ import annotations

from fastapi import APIRouter

from ..schemas import FeedbackBatch, FeedbackReceipt
from .parameters import ERRORS, Served

router = APIRouter(tags=["feedback"])


@router.post("/v1/feedback", responses=ERRORS, status_code=202, summary="Report what users did")
def feedback(gateway: Served, batch: FeedbackBatch) -> FeedbackReceipt:
    """Keep events; they are on disk when this answers.

    One whose `event_id` was there before is not kept again. A `rating` of a user for an item is a rating to
    the next training run; the latest counts.
    """
    for event in batch.events:
        gateway.family(event.model)
    return gateway.feedback.accept(batch.events)
