"""Ask a collection that is divided into several models: embed once, ask every shard, merge."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from .predictor import NEWEST, Answer, Predictor, Which
from .shards import merge

_THREADS = 64
Retrieval = Callable[[str, Mapping[str, Any]], tuple[str, dict[str, Any]]]


class Shards:
    """Asks the shards of families that have some.

    Args:
        predictor: Sends.
        models: Family -> models of its shards.
    """

    def __init__(self, predictor: Predictor, models: Mapping[str, tuple[str, ...]]) -> None:
        self._predictor = predictor
        self._models = models
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="shards")

    def __contains__(self, family: str) -> bool:
        """Return whether `family` is divided."""
        return family in self._models

    def ask(
        self, family: str, which: Which, inputs: Mapping[str, Any], retrieval: Retrieval
    ) -> tuple[int, list[str], list[float]]:
        """Return the version that embedded the query, and the ranking that is merged from all shards.

        Args:
            family: Who embeds.
            which: Its version; shards are asked for their newest.
            inputs: Of its signature `embed`.
            retrieval: Returns signature and inputs for a shard, from its name and the embedding.

        Raises:
            PredictorError: The family or any shard does not answer: a part is no answer.
        """
        embedded = self._predictor.predict(family, inputs, which, signature="embed")

        def one(shard: str) -> Answer:
            signature, given = retrieval(shard, {"embedding": embedded.outputs["embedding"]})
            return self._predictor.predict(shard, given, NEWEST, signature=signature)

        # Each call takes the trace of the request along.
        calls = [self._pool.submit(copy_context().run, one, shard) for shard in self._models[family]]
        answers = [call.result().outputs for call in calls]
        ranked = [
            ([name.decode("utf-8", "replace") for name in out["ids"][0].tolist()], out["scores"][0].tolist())
            for out in answers
        ]
        ids, scores = merge(ranked, max(len(names) for names, _ in ranked))
        return embedded.version, ids, scores

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=False)
