"""`lodestar schedule`."""

from __future__ import annotations

import argparse
from datetime import datetime, timezone
from typing import Any

from components.errors import InputError
from pipelines.kubeflow.cron import parse_cron
from pipelines.kubeflow.schedules import Schedules
from pipelines.kubeflow.session import open_session
from pipelines.kubeflow.submission import check, compiled
from pipelines.terminal import print_json, print_table
from pipelines.verbs.options import sweep_plan

_SHOWN_FIRINGS = 3


def run(arguments: argparse.Namespace) -> int:
    """Let a family run at set times, or list, pause, resume or delete schedules."""
    changes = {"pause": arguments.pause, "resume": arguments.resume, "delete": arguments.delete}
    asked = [(change, name) for change, name in changes.items() if name]
    if not asked and not arguments.list:
        return _create(arguments)
    if arguments.family or arguments.cron:
        raise InputError(
            "A schedule is either created or listed, paused, resumed or deleted.",
            cure="Leave FAMILY and --cron away.",
        )
    schedules = open_session(arguments.overlay, arguments.host).schedules
    for change, name in asked:
        getattr(schedules, change)(name)
    return _print(schedules, arguments.output)


def _create(arguments: argparse.Namespace) -> int:
    if not arguments.family or not arguments.cron:
        raise InputError(
            "A schedule needs a family and --cron.",
            cure='E.g. `lodestar schedule text-search --cron "0 3 * * *"`; `--list` shows those there are.',
        )
    cron = parse_cron(arguments.cron)
    firings = cron.next(datetime.now(timezone.utc), _SHOWN_FIRINGS)
    sweep = sweep_plan(arguments)
    family = check(arguments, sweep)
    session = open_session(arguments.overlay, arguments.host)
    name = arguments.name or family
    session.schedules.check_free(name)
    submission = compiled(arguments, name, sweep)
    made = session.schedules.create(submission, cron, arguments.max_concurrency, arguments.catchup)
    if arguments.output == "json":
        print_json({**_as_json(made), "next": [moment.isoformat() for moment in firings]})
    else:
        print(f"schedule {name}: {cron.kubeflow} (seconds first, UTC)")
        print("fires    " + ", ".join(f"{moment:%Y-%m-%d %H:%M}" for moment in firings))
        print(f"next     `lodestar schedule --list`, `lodestar schedule --pause {name}`")
    return 0


def _print(schedules: Schedules, output: str) -> int:
    found = [_as_json(one) for one in schedules.list()]
    if output == "json":
        print_json(found)
    elif not found:
        print('No schedule yet: `lodestar schedule FAMILY --cron "0 3 * * *"` makes one.')
    else:
        columns = ("name", "state", "cron", "max_concurrency", "catchup", "id")
        print_table(columns, [[one[column] for column in columns] for one in found])
    return 0


def _as_json(one: Any) -> dict[str, Any]:
    trigger = one.trigger
    cron = trigger and trigger.cron_schedule and trigger.cron_schedule.cron
    every = trigger and trigger.periodic_schedule and trigger.periodic_schedule.interval_second
    return {
        "name": one.display_name,
        "id": one.recurring_run_id,
        "state": {"ENABLED": "active", "DISABLED": "paused"}.get(one.status, "unknown"),
        "cron": cron or (f"every {every} s" if every else ""),
        "max_concurrency": int(one.max_concurrency or 1),
        "catchup": not one.no_catchup,
    }
