"""The JSON of the API."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Text = Annotated[str, StringConstraints(min_length=1, max_length=512)]
EventType = Literal["click", "view", "rating", "purchase", "search"]


class Answer(BaseModel):
    """Base of what is answered."""

    model_config = ConfigDict(protected_namespaces=())


class ErrorDetail(Answer):
    """What went wrong."""

    code: str = Field(examples=["unknown_model"])
    message: str = Field(examples=["There is no model `movies`; models: text-search."])
    field: str | None = Field(default=None, examples=["model"])


class ErrorBody(Answer):
    """The body of every answer that is no success."""

    error: ErrorDetail


class Version(Answer):
    """A version that the server knows."""

    version: int
    state: str = Field(examples=["AVAILABLE"])
    labels: list[str] = Field(examples=[["stable"]])


class CanaryShare(Answer):
    """The version on trial."""

    version: int
    percent: float


class RatingScale(Answer):
    """The lowest and highest rating."""

    low: float = Field(examples=[0.5])
    high: float = Field(examples=[5.0])


class Model(Answer):
    """A model that can be asked."""

    name: str = Field(examples=["text-search"])
    task: Literal["search", "recommendation", "representation"]
    title: str
    query: Literal["text", "image", "audio", "user"]
    signatures: list[str]
    versions: list[Version]
    stable: int | None
    canary: CanaryShare | None
    ratings: RatingScale | None = Field(description="The scale of the ratings that it was trained on.")


class ModelList(Answer):
    """Every model that a server answers for."""

    models: list[Model]


class ReasonBody(Answer):
    """Why an item is in the answer."""

    kind: Literal["similar_to", "popular", "matches"]
    item: str | None = None
    title: str | None = None
    terms: list[str] = []


class Result(Answer):
    """One item of a ranking."""

    rank: int
    id: str
    score: float
    title: str
    metadata: dict[str, Any]
    reason: ReasonBody | None = None


class Timing(Answer):
    """Milliseconds: all of it, on model servers, and in the catalogue."""

    total: float
    model: float
    metadata: float


class Ranking(Answer):
    """A page of a ranked answer."""

    model: str
    version: int
    label: str | None
    query: dict[str, Any]
    results: list[Result]
    next_cursor: str | None
    timing_ms: Timing
    trace_id: str
    warnings: list[str] = []


class User(Answer):
    """A user of the training data."""

    id: str
    events: int


class UserList(Answer):
    """Users whose id begins so."""

    users: list[User]


class HistoryEvent(Answer):
    """What a user did."""

    item: str
    title: str
    value: float | None
    type: str
    time: str | None = Field(examples=["2026-03-01T12:00:00Z"])


class History(Answer):
    """A page of a user's events, newest first."""

    user: str
    events: list[HistoryEvent]
    next_cursor: str | None


class ItemBody(Answer):
    """All that the catalogue knows of an item."""

    id: str
    title: str
    metadata: dict[str, Any]


class FeedbackEvent(BaseModel):
    """Something that a user did with an answer."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    model: Text
    type: EventType
    user: Text | None = None
    item: Text | None = None
    value: float | None = Field(default=None, allow_inf_nan=False)
    query: Annotated[str, StringConstraints(max_length=2000)] | None = None
    rank: int | None = Field(default=None, ge=1, le=10_000)
    version: int | None = Field(default=None, ge=0, lt=2**63)
    trace_id: Annotated[str, StringConstraints(max_length=64)] | None = None
    event_id: Annotated[str, StringConstraints(min_length=1, max_length=128)] | None = None


class FeedbackBatch(BaseModel):
    """Events; either all are taken or none."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "events": [
                        {
                            "model": "matrix-factorization",
                            "type": "rating",
                            "user": "42",
                            "item": "50",
                            "value": 4.5,
                            "event_id": "6f1c1a52-1",
                        }
                    ]
                }
            ]
        },
    )

    events: list[FeedbackEvent] = Field(min_length=1, max_length=1000)


class FeedbackReceipt(Answer):
    """How many events are on disk, and how many were there already."""

    accepted: int
    duplicates: int
