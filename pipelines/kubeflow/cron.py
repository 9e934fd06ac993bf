"""Cron expressions: users write the five fields of crontab, Kubeflow Pipelines reads six, seconds first."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from croniter import CroniterBadDateError, croniter

from components.errors import InputError

_FIELDS = (
    ("minute", "0-59"),
    ("hour", "0-23"),
    ("day of month", "1-31"),
    ("month", "1-12 or jan-dec"),
    ("day of week", "0-7 or sun-sat; 0 and 7 are Sunday"),
)
# What crontab knows and Kubeflow Pipelines too: no `?`, `L`, `W`, `#`.
_PART = r"(\*|\d+|{names})(-(\d+|{names}))?(/\d+)?"
_NAMES = ("", "", "", "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec", "sun|mon|tue|wed|thu|fri|sat")
_EXAMPLE = 'E.g. `--cron "0 3 * * *"`: every day at 03:00 UTC.'


@dataclass(frozen=True)
class Cron:
    """A checked cron expression.

    Attributes:
        fields: Five canonical fields: `*` or a list of numbers, so that every reader agrees on them.
    """

    fields: tuple[str, ...]

    @property
    def kubeflow(self) -> str:
        """Return the six fields that Kubeflow Pipelines wants; fires at second 0."""
        return " ".join(("0", *self.fields))

    def next(self, after: datetime, count: int) -> list[datetime]:
        """Return the next `count` firing times after an aware moment.

        Raises:
            InputError: It never fires, e.g. on 30 February.
        """
        times = croniter(" ".join(self.fields), after)
        try:
            return [times.get_next(datetime) for _ in range(count)]
        except CroniterBadDateError:
            raise InputError(
                f"The schedule `{' '.join(self.fields)}` never fires.", cure="Check day and month."
            ) from None


def parse_cron(text: str) -> Cron:
    """Return the expression that `text` is.

    Raises:
        InputError: Not five fields, or a field is wrong; the message names it.
    """
    fields = text.split()
    if len(fields) != len(_FIELDS):
        names = ", ".join(name for name, _ in _FIELDS)
        raise InputError(
            f"The schedule `{text}` has {len(fields)} of its five fields: {names}.", cure=_EXAMPLE
        )
    return Cron(tuple(_canonical(position, field) for position, field in enumerate(fields)))


def _canonical(position: int, field: str) -> str:
    part = _PART.format(names=_NAMES[position] or r"\d+")
    alone = ["*"] * len(_FIELDS)
    alone[position] = field
    if not re.fullmatch(f"{part}(,{part})*", field, re.IGNORECASE) or not croniter.is_valid(" ".join(alone)):
        name, values = _FIELDS[position]
        raise InputError(
            f"The schedule's {name} `{field}` is not valid.",
            cure=f"It takes {values}, lists `1,2`, ranges `1-5` and steps `*/2`. {_EXAMPLE}",
        )
    expanded, _ = croniter.expand(" ".join(alone))
    # A list with `*` in it, such as `*,5`, is `*`.
    return "*" if "*" in expanded[position] else ",".join(map(str, expanded[position]))
