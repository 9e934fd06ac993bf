"""Print a sweep: how it stands or ended, its trials, its best, and what to type next."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

from hparam.snapshot import TRIALS
from pipelines.sweeps.places import Seen
from pipelines.sweeps.status import Snapshot, as_json, best_line, sweep_status
from pipelines.sweeps.view import COLUMNS, RIGHT, Progress, headline, row
from pipelines.terminal import print_json, print_table


def print_sweep(seen: Seen, output: str, progress: Progress) -> int:
    """Print a sweep with a row per trial, and return its exit code.

    Args:
        seen: The sweep.
        output: `text` or `json`.
        progress: Looks up how far a running trial is.
    """
    status = sweep_status(seen.snapshot, seen.controlled)
    if output == "json":
        print_json(as_json(seen.snapshot, seen.controlled))
        return status.exit_code
    snapshot = seen.snapshot
    best = snapshot["best"] and snapshot["best"]["trial"]
    print(headline(snapshot))
    rows = [row(trial, best, time.time(), progress) for trial in snapshot["trials"]]
    print_table(COLUMNS, rows, right=RIGHT)
    if len(snapshot["trials"]) < sum(snapshot["counts"].values()):
        print(f"only the newest {TRIALS} trials are shown")
    print(f"{status.state.value}{': ' if status.why else ''}{status.why}")
    return status.exit_code


def print_end(snapshot: Snapshot, report: str, output: str) -> int:
    """Print how a sweep stands when its controller has ended, and return the exit code."""
    status = sweep_status(snapshot, controlled=False)
    name, best = snapshot["name"], snapshot["best"]
    if output == "json":
        print_json({**as_json(snapshot, controlled=False), "report": report})
        return status.exit_code
    print(headline(snapshot))
    print(f"{status.state.value}{': ' if status.why else ''}{status.why}")
    print(f"report  {report}")
    if not snapshot["ended"]:
        print(f"next    `lodestar sweep resume {name}`, `lodestar sweep status {name}`")
    elif best is None:
        print(f"next    `lodestar sweep status {name}` says why trials failed")
    else:
        print(
            f"next    `lodestar run {snapshot['family']} --from-sweep {name}`, `lodestar sweep best {name}`"
        )
    return status.exit_code


def print_asked(arguments: argparse.Namespace, then: str) -> int:
    """Print that a request is on its way and what to type next; return 0."""
    if arguments.output == "json":
        print_json({"name": arguments.name, "asked": arguments.action})
    else:
        print(f"asked {arguments.name} to {arguments.action}")
        print(f"next  {then}")
    return 0


def print_list(sweeps: Sequence[Seen], output: str) -> None:
    """Print a row per sweep, the newest first."""
    ordered = sorted(sweeps, key=lambda seen: -seen.snapshot["created"])
    if output == "json":
        print_json([_without_parts(seen) for seen in ordered])
    elif not ordered:
        print("No sweep yet: `lodestar sweep FAMILY` starts one.")
    else:
        columns = ("sweep", "family", "state", "trials", "best", "started (UTC)")
        print_table(columns, [_line(seen) for seen in ordered], right=("trials",))


def _line(seen: Seen) -> tuple[str, ...]:
    snapshot = seen.snapshot
    counts = snapshot["counts"]
    ended = sum(counts.values()) - counts["pending"] - counts["running"]
    return (
        snapshot["name"],
        snapshot["family"],
        sweep_status(snapshot, seen.controlled).state.value,
        f"{ended}/{snapshot['budget']['trials']}",
        best_line(snapshot),
        f"{datetime.fromtimestamp(snapshot['created'], timezone.utc):%Y-%m-%d %H:%M:%S}",
    )


def _without_parts(seen: Seen) -> dict[str, Any]:
    return {key: value for key, value in as_json(seen.snapshot, seen.controlled).items() if key != "parts"}
