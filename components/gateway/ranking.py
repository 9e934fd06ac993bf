"""From a query to a page of ranked items: ask, filter, diversify, cut, name, explain."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.family import Family

from . import cursors, reasons, tracing
from .catalogue import Catalogue, Item
from .errors import bad_request
from .failures import explained
from .models import NO_LIMITS, Candidates, Limits, Models
from .predictor import PredictorError, Which
from .reasons import Reason
from .rerank import by_categories, maximal_marginal_relevance
from .routing import Ask
from .schemas import Ranking, ReasonBody, Result, Timing

_HISTORY = 200
_SNIPPET = 400


@dataclass(frozen=True)
class Query:
    """One request for a ranking.

    Attributes:
        family: Who is asked.
        ask: Which version of it.
        shown: The query as the answer repeats it.
        inputs: Of `serving_default`; empty for the neighbours of `item`.
        limits: What the answer may hold.
        limit: Length of the page.
        cursor: Where the page begins; None for the first.
        diversity: See `rerank`.
        text: The words, for reasons.
        user: The user, for reasons.
        item: Whose neighbours are wanted.
        is_paged: Whether a cursor leads on; what cannot be asked again has one page.
    """

    family: Family
    ask: Ask
    shown: Mapping[str, Any]
    inputs: Mapping[str, Any]
    limits: Limits = NO_LIMITS
    limit: int = 10
    cursor: str | None = None
    diversity: float = 0.0
    text: str | None = None
    user: str | None = None
    item: str | None = None
    is_paged: bool = True

    def identity(self) -> str:
        """Return what a cursor is bound to."""
        return json.dumps([self.family.name, dict(self.shown)], sort_keys=True)


class Ranker:
    """Answers queries.

    Args:
        models: Asks the models.
        catalogue: Knows the items.
    """

    def __init__(self, models: Models, catalogue: Catalogue) -> None:
        self._models = models
        self._catalogue = catalogue

    def answer(self, query: Query) -> Ranking:
        """Return a page.

        Raises:
            GatewayError: The query is wrong, or no model answers.
        """
        clock = _Clock()
        warnings: list[str] = []
        query, offset, label = self._from_cursor(query)
        found = self._candidates(query)
        found = self._restricted(query, found, clock)
        order = self._order(query, found, clock, warnings)
        page = order[offset : offset + query.limit]
        ids, scores = [found.ids[row] for row in page], [found.scores[row] for row in page]
        known = self._items(query.family.name, found.version, ids, clock)
        why = self._reasons(query, found.version, ids, known, clock)
        results = [
            _result(offset + place, known[name], score, reason)
            for place, (name, score, reason) in enumerate(zip(ids, scores, why, strict=True), start=1)
        ]
        end = offset + len(page)
        label = label if query.cursor else found.label
        following = cursors.Place((found.version, end), label)
        has_more = query.is_paged and bool(page) and end < len(order)
        return Ranking(
            model=query.family.name,
            version=found.version,
            label=label,
            query=dict(query.shown),
            results=results,
            next_cursor=cursors.write(following, query.identity()) if has_more else None,
            timing_ms=clock.timing(found.seconds),
            trace_id=tracing.current().trace_id,
            warnings=warnings,
        )

    def _from_cursor(self, query: Query) -> tuple[Query, int, str | None]:
        if query.cursor is None:
            return query, 0, None
        place = cursors.read(query.cursor, query.identity(), 2)
        version, offset = place.numbers
        # All pages come from one version, or they would not fit each other.
        return replace(query, ask=replace(query.ask, which=Which(version=version))), offset, place.label

    def _candidates(self, query: Query) -> Candidates:
        try:
            if query.item is not None:
                return self._models.similar(query.ask, query.item)
            return self._models.candidates(query.ask, query.inputs, query.limits)
        except PredictorError as error:
            if query.cursor is not None and error.code == "NOT_FOUND":
                raise cursors.gone(error.message) from error
            raise explained(error) from error

    def _restricted(self, query: Query, found: Candidates, clock: _Clock) -> Candidates:
        excluded, wanted = set(query.limits.exclude), set(query.limits.categories)
        keep = [name not in excluded for name in found.ids]
        if not found.restricted:
            with clock.metadata():
                if not query.family.catalogue or not query.family.catalogue.categories:
                    raise bad_request(
                        f"`{query.family.name}` knows no categories.", "category", "unsupported"
                    )
                items = self._catalogue.items(query.family.name, found.ids)
            keep = [
                kept and name in items and bool(wanted & items[name].categories)
                for name, kept in zip(found.ids, keep, strict=True)
            ]
        rows = [row for row, kept in enumerate(keep) if kept]
        return replace(
            found, ids=[found.ids[row] for row in rows], scores=[found.scores[row] for row in rows]
        )

    def _order(self, query: Query, found: Candidates, clock: _Clock, warnings: list[str]) -> Sequence[int]:
        if not query.diversity or not found.ids:
            return range(len(found.ids))
        vectors = self._timed_vectors(query.family.name, found.version, found.ids, clock)
        if vectors is None:
            with clock.metadata():
                items = self._catalogue.items(query.family.name, found.ids)
            vectors = by_categories([items.get(name, Item(name)).categories for name in found.ids])
            if not vectors.any():
                warnings.append(
                    "Diversity has no effect: this version has no vectors, and its items no categories."
                )
        return maximal_marginal_relevance(found.scores, vectors, query.diversity)

    def _items(self, model: str, version: int, ids: Sequence[str], clock: _Clock) -> dict[str, Item]:
        with clock.metadata():
            found = self._catalogue.items(model, ids)
        missing = [name for name in ids if name not in found or not found[name].title]
        with clock.model():
            titles = self._models.titles(model, version, missing)
        for name in missing:
            found[name] = replace(found.get(name, Item(name)), title=titles.get(name, ""))
        return found

    def _reasons(
        self, query: Query, version: int, ids: Sequence[str], known: Mapping[str, Item], clock: _Clock
    ) -> list[ReasonBody | None]:
        if query.text is not None:
            return [
                _body(reason, {}) for reason in reasons.matches(query.text, [known[name] for name in ids])
            ]
        if query.user is None or not ids:
            return [None] * len(ids)
        model = query.family.name
        with clock.metadata():
            history = self._catalogue.history(model, query.user, _HISTORY)
        mine = reasons.liked(history)
        vectors = self._timed_vectors(model, version, [*ids, *mine], clock) if mine else None
        if vectors is None:
            found = [Reason("popular")] * len(ids) if not mine else [None] * len(ids)
            return [_body(reason, {}) for reason in found]
        why = reasons.similar_to(ids, vectors[: len(ids)], mine, vectors[len(ids) :])
        named = sorted({reason.item for reason in why if reason.item})
        titles = {name: item.title for name, item in self._items(model, version, named, clock).items()}
        return [_body(reason, titles) for reason in why]

    def _timed_vectors(
        self, model: str, version: int, ids: Sequence[str], clock: _Clock
    ) -> NDArray[np.float32] | None:
        with clock.model():
            return self._models.vectors(model, version, ids)


def _result(rank: int, item: Item, score: float, reason: ReasonBody | None) -> Result:
    metadata = {name: _snippet(value) for name, value in item.metadata.items()}
    return Result(rank=rank, id=item.id, score=score, title=item.title, metadata=metadata, reason=reason)


def _snippet(value: Any) -> Any:
    if isinstance(value, str) and len(value) > _SNIPPET:
        return value[:_SNIPPET].rsplit(" ", 1)[0] + " …"
    return value


def _body(reason: Reason | None, titles: Mapping[str, str]) -> ReasonBody | None:
    if reason is None:
        return None
    title = titles.get(reason.item) if reason.item else None
    return ReasonBody(kind=reason.kind, item=reason.item, title=title, terms=list(reason.terms))


class _Clock:
    """Adds up where the time of a request goes."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._spent = {"model": 0.0, "metadata": 0.0}

    def model(self) -> _Lap:
        """Time what is inside as spent on model servers."""
        return _Lap(self._spent, "model")

    def metadata(self) -> _Lap:
        """Time what is inside as spent in the catalogue."""
        return _Lap(self._spent, "metadata")

    def timing(self, asked_seconds: float) -> Timing:
        """Return milliseconds; `asked_seconds` is what the first call to the model took."""
        total = time.perf_counter() - self._started
        model, metadata = self._spent["model"] + asked_seconds, self._spent["metadata"]
        return Timing(total=_ms(total), model=_ms(model), metadata=_ms(metadata))


class _Lap:
    def __init__(self, spent: dict[str, float], what: str) -> None:
        self._spent, self._what = spent, what

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._spent[self._what] += time.perf_counter() - self._began


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
