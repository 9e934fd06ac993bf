"""What a run of a trial has left in its folder: values on its way, its result, or why it failed.

Nothing here waits or raises for a file that is not there or only half written: the run may be at work.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import ValidationError

from components.distributed.cluster import replica_counts, replica_names
from components.distributed.request import Request
from components.errors import InputError, LodestarError, NonFiniteError
from components.trial import RESULT, VALUES

FAILURE = "failure.json"
TRAINING = "training"


@dataclass(frozen=True)
class Result:
    """What a trial came to.

    Attributes:
        step: The step that the metrics are of.
        value: The sweep's metric.
        metrics: All metrics.
    """

    step: int
    value: float
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Failure:
    """Why a run failed.

    Attributes:
        reason: `input`: the settings or the data are wrong; `non_finite`: a value was no finite number;
            `error`: anything else.
        message: The same in a line for people.
    """

    reason: str
    message: str

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """Return what `error` says; pydantic's validation errors are about settings."""
        if isinstance(error, NonFiniteError):
            return cls("non_finite", error.problem)
        if isinstance(error, LodestarError):
            reason = "input" if isinstance(error, InputError) else "error"
            return cls(reason, f"{error.source}: {error.problem}" if error.source else error.problem)
        if isinstance(error, ValidationError):
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            return cls("input", f"{error.title}{'.' if where else ''}{where}: {first['msg']}.")
        lines = [line for line in str(error).splitlines() if line.strip()]
        return cls("error", ": ".join([type(error).__name__, *lines[:1]])[:500])

    def write(self, folder: Path) -> None:
        """Leave it in the run's folder."""
        aside = (folder / FAILURE).with_suffix(".tmp")
        aside.write_text(json.dumps(asdict(self)), encoding="utf-8")
        aside.replace(folder / FAILURE)


def read_values(folder: Path) -> list[tuple[int, float]]:
    """Return the sweep's metric by step, in the order of the steps.

    Of several values of one step the last counts: a training that was cut off repeats some of its steps.
    """
    try:
        lines = (folder / VALUES).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    values: dict[int, float] = {}
    for line in lines:
        # The last line may be half written, and stays so where the run was cut off.
        with suppress(ValueError, KeyError, TypeError):
            said = json.loads(line)
            values[int(said["step"])] = float(said["value"])
    return sorted(values.items())


def read_result(folder: Path) -> Result | None:
    """Return what the run came to; None when it has not said."""
    try:
        said = json.loads((folder / RESULT).read_text(encoding="utf-8"))
        return Result(int(said["step"]), float(said["value"]), dict(said["metrics"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def read_failure(folder: Path) -> Failure | None:
    """Return why the run failed, in its own words or those of one of its replicas; None without any."""
    try:
        said = json.loads((folder / FAILURE).read_text(encoding="utf-8"))
        return Failure(str(said["reason"]), str(said["message"]))
    except (OSError, ValueError, KeyError, TypeError):
        return _of_replicas(folder / TRAINING)


def _of_replicas(folder: Path) -> Failure | None:
    try:
        request = Request.read(str(folder / "request.json"))
    except InputError:
        return None
    for name in replica_names(replica_counts(request.compute)):
        error = request.read_failure(name)
        if error is not None:
            return Failure.of(error)
    return None
