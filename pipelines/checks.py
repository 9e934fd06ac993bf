"""One thing that `lodestar doctor` looked at, and how all of them are printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from pipelines.terminal import print_json, print_table


@dataclass(frozen=True)
class Check:
    """One thing that was looked at; `cure` is empty when it is fine."""

    what: str
    found: str
    cure: str = ""


def report(checks: Sequence[Check], output: str) -> int:
    """Print every check as a table or as JSON; return 1 when something must be mended."""
    if output == "json":
        print_json([asdict(check) for check in checks])
    else:
        rows = [("mend" if check.cure else "ok", check.what, check.found) for check in checks]
        print_table(("", "check", "found"), rows)
        _print_cures(checks)
    return int(any(check.cure for check in checks))


def _print_cures(checks: Sequence[Check]) -> None:
    # One cure often mends several things. Printed as it is, so that a command can be copied.
    for cure in dict.fromkeys(check.cure for check in checks if check.cure):
        print(f"\n{', '.join(check.what for check in checks if check.cure == cure)}:\n  {cure}")
