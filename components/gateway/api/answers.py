"""What every ranked answer gets on its way out."""

from __future__ import annotations

from fastapi import Response

from ..gateway import Gateway
from ..schemas import Ranking


def counted(gateway: Gateway, response: Response, answer: Ranking) -> Ranking:
    """Count the answer, say in a header which version gave it, and return it."""
    gateway.metrics.answers.labels(answer.model, answer.version, answer.label or "").inc()
    response.headers["X-Lodestar-Version"] = str(answer.version)
    return answer
