"""What the gateway asks its models for: candidates, vectors, titles, neighbours."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .predictor import DEFAULT_SIGNATURE, NEWEST, Predictor, PredictorError, Signatures, Which
from .routing import Ask, Router
from .sharded import Shards

_DESCRIBE_SECONDS = 1.0
_RETRIEVE = "retrieve"


@dataclass(frozen=True)
class Limits:
    """What an answer may hold.

    Attributes:
        exclude: Ids that must not be in it.
        categories: Only items of one of these; empty: of any.
    """

    exclude: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()


NO_LIMITS = Limits()


@dataclass(frozen=True)
class Candidates:
    """Ranked items.

    Attributes:
        version: Who answered.
        label: The label it was asked by; None when by number or newest.
        ids: Best first.
        scores: One for each.
        restricted: Whether the model saw to the categories itself.
        seconds: Time spent on model servers.
    """

    version: int
    label: str | None
    ids: list[str]
    scores: list[float]
    restricted: bool = True
    seconds: float = 0.0


@dataclass
class Described:
    """What is known of a version for a moment."""

    signatures: Signatures
    until: float


@dataclass
class Models:
    """Asks the models through the router.

    Attributes:
        predictor: Sends.
        router: Chooses the version.
        shards: Asks families that are divided into several models.
        clock: Seconds that only grow.
    """

    predictor: Predictor
    router: Router
    shards: Shards
    clock: Callable[[], float] = time.monotonic
    _known: dict[tuple[str, Which], Described] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def signatures(self, model: str, which: Which) -> Signatures:
        """Return what a version can be asked; what a label means is looked up once a second.

        Raises:
            PredictorError: It is not served.
        """
        with self._lock:
            known = self._known.get((model, which))
        if known is not None and self.clock() < known.until:
            return known.signatures
        found = self.predictor.signatures(model, which)
        with self._lock:
            if len(self._known) > 1000:
                self._known.clear()
            self._known[model, which] = Described(found, self.clock() + _DESCRIBE_SECONDS)
        return found

    def candidates(self, ask: Ask, inputs: Mapping[str, Any], limits: Limits) -> Candidates:
        """Return what the model ranks best for `inputs`, of one row.

        Limits that the model's signatures do not have are left to the caller, see `Candidates.restricted`.

        Raises:
            PredictorError: No version answers.
        """
        if ask.model in self.shards:
            return self._merged(ask, inputs, limits)
        return self._ranked(ask, lambda names: _retrieval(names, inputs, limits))

    def similar(self, ask: Ask, item: str) -> Candidates:
        """Return the items most like `item`.

        Raises:
            PredictorError: No version answers; FAILED_PRECONDITION when it has no such signature.
        """
        return self._ranked(ask, lambda _: ("similar", {"ids": [item]}, True))

    def vectors(self, model: str, version: int, ids: Sequence[str]) -> NDArray[np.float32] | None:
        """Return one vector per item, float32 `[n, d]`; None when the version has none."""
        found = self._optional(model, version, "vectors", ids)
        return None if found is None else np.asarray(found["embedding"], np.float32)

    def titles(self, model: str, version: int, ids: Sequence[str]) -> dict[str, str]:
        """Return the titles that the model itself knows, by id."""
        found = self._optional(model, version, "titles", ids)
        return {} if found is None else dict(zip(ids, texts(found["titles"]), strict=True))

    def _merged(self, ask: Ask, inputs: Mapping[str, Any], limits: Limits) -> Candidates:
        started, all_restricted = time.perf_counter(), True

        def retrieval(shard: str, embedding: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
            nonlocal all_restricted
            names = self.signatures(shard, NEWEST).inputs
            signature, given, restricted = _retrieval(names, embedding, limits)
            all_restricted = all_restricted and restricted
            return signature, given

        def call(which: Which) -> tuple[int, list[str], list[float]]:
            wanted = self.signatures(ask.model, which).inputs.get("embed", frozenset())
            given = {name: value for name, value in inputs.items() if name in wanted}
            return self.shards.ask(ask.model, which, given, retrieval)

        which, (version, ids, scores) = self.router.send(ask, call)
        spent = time.perf_counter() - started
        return Candidates(version, which.label, ids, scores, all_restricted, spent)

    def _optional(
        self, model: str, version: int, signature: str, ids: Sequence[str]
    ) -> Mapping[str, Any] | None:
        which = Which(version=version)
        try:
            if not ids or signature not in self.signatures(model, which).inputs:
                return None
            return self.predictor.predict(model, {"ids": ids}, which, signature=signature).outputs
        except PredictorError:
            # The ranking stands without it; the version may just have been unloaded.
            return None

    def _ranked(
        self, ask: Ask, request: Callable[[Mapping[str, frozenset[str]]], tuple[str, dict[str, Any], bool]]
    ) -> Candidates:
        started = time.perf_counter()

        def call(which: Which) -> Candidates:
            signature, inputs, restricted = request(self.signatures(ask.model, which).inputs)
            answer = self.predictor.predict(ask.model, inputs, which, signature=signature)
            ids, scores = texts(answer.outputs["ids"][0]), answer.outputs["scores"][0].tolist()
            # A row with fewer candidates than the model's k ends in empty ids.
            kept = [(name, score) for name, score in zip(ids, scores, strict=True) if name]
            names, values = [name for name, _ in kept], [score for _, score in kept]
            spent = time.perf_counter() - started
            return Candidates(answer.version, which.label, names, values, restricted, spent)

        return self.router.send(ask, call)[1]


def _retrieval(
    signatures: Mapping[str, frozenset[str]], inputs: Mapping[str, Any], limits: Limits
) -> tuple[str, dict[str, Any], bool]:
    known = signatures.get(_RETRIEVE, frozenset())
    if not (limits.exclude or limits.categories) or not inputs.keys() <= known:
        return DEFAULT_SIGNATURE, dict(inputs), not limits.categories
    optional = {
        "exclude_ids": row(limits.exclude),
        "categories": row(limits.categories),
        "n_probe": np.zeros([1], np.int32),
    }
    given = {name: value for name, value in optional.items() if name in known}
    return _RETRIEVE, {**inputs, **given}, "categories" in known or not limits.categories


def row(values: Iterable[str]) -> NDArray[np.object_]:
    """Return strings as one row, `[1, n]`."""
    return np.array([[*values]], dtype=np.object_)


def texts(values: NDArray[Any]) -> list[str]:
    """Return strings of a model's answer as text."""
    return [value.decode("utf-8", "replace") for value in values.tolist()]
