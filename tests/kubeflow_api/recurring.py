"""When recurring runs fire: as the controller of ScheduledWorkflows does it, by a clock that is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from croniter import croniter

from tests.kubeflow_api.refusal import invalid

_FIELDS = 6


def check_recurring(body: Mapping[str, Any]) -> None:
    """Check what a recurring run says about when it fires."""
    concurrency = int(body.get("max_concurrency", 0))
    if not 1 <= concurrency <= 10:
        raise invalid(
            f"The max concurrency of the recurring run is out of range. Support 1-10. Received {concurrency}."
        )
    cron = body.get("trigger", {}).get("cron_schedule", {}).get("cron", "")
    if len(cron.split()) != _FIELDS or not croniter.is_valid(_minutes(cron)):
        raise invalid(
            "Schedule cron is not a supported format(https://godoc.org/github.com/robfig/cron). "
            f"Error: {cron!r}"
        )
    if body.get("mode") not in ("ENABLE", "DISABLE"):
        raise invalid(f"Invalid mode {body.get('mode')!r}")


@dataclass
class Recurring:
    """A recurring run and how far it has fired.

    Attributes:
        body: The object of the API.
        since: Firings up to here are done with.
        due: Firings that wait for earlier runs to end.
        runs: Ids of the runs that it has started.
    """

    body: dict[str, Any]
    since: datetime
    due: list[datetime] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)

    def fire(self, moment: datetime, active: Callable[[str], bool], start: Callable[[], str]) -> None:
        """Start what is due at `moment`, as far as its concurrency allows."""
        if self.body["status"] != "ENABLED":
            return
        self.due += self._missed(moment)
        if self.body.get("no_catchup"):
            self.due = self.due[-1:]
        most = int(self.body["max_concurrency"])
        while self.due and sum(map(active, self.runs)) < most:
            self.due.pop(0)
            self.runs.append(start())

    def _missed(self, moment: datetime) -> list[datetime]:
        cron = self.body["trigger"]["cron_schedule"]["cron"]
        times, found = croniter(_minutes(cron), self.since), []
        while (following := times.get_next(datetime)) <= moment:
            found.append(following)
        self.since = max(self.since, moment)
        return found


def _minutes(cron: str) -> str:
    # Seconds come first there and last here.
    first, *rest = cron.split()
    return " ".join([*rest, first])
