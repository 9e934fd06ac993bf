"""Parser of `lodestar sweep`; parsing only, so that `lodestar --help` stays quick."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from pipelines.cluster_parsers import AddOptions, AddVerb, Verbs, add_overlay, add_place
from pipelines.sweep_options import STOP_HELP

START = "start"
EPILOG = """\
examples:
  lodestar sweep matrix-factorization --trials 40 --parallel 4 --stop median
  lodestar sweep status matrix-factorization-1 --watch
  lodestar sweep set matrix-factorization-1 --trials 60
  lodestar sweep best matrix-factorization-1
  lodestar run matrix-factorization --from-sweep matrix-factorization-1

`lodestar sweep FAMILY` is short for `lodestar sweep start FAMILY`.
"""


def with_start(argv: Sequence[str]) -> list[str]:
    """Return the words of a command line with `start` put in where `lodestar sweep FAMILY` leaves it out."""
    words = list(argv)
    if len(words) > 1 and words[0] == "sweep" and words[1] not in (*_ACTIONS, "-h", "--help"):
        words.insert(1, START)
    return words


def add_sweep_verb(verbs: Verbs[argparse.ArgumentParser], add: AddVerb, settings: AddOptions) -> None:
    """Add `sweep` with its actions.

    Args:
        verbs: Where to add it.
        add: Adds a verb that takes `-o`: `add(verbs, name, text)`.
        settings: Adds the options that change a family's settings.
    """
    text = "Search for a family's best settings, and steer searches that are going on."
    sweep = verbs.add_parser(
        "sweep",
        help=text,
        description=text,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = sweep.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, (what, add_options) in _ACTIONS.items():
        action = add(actions, name, what)
        if name != "list":
            _subject(action, name)
        add_options(action)
        if name == START:
            settings(action)
        if name != "report":
            _where(action, name)


def _subject(action: argparse.ArgumentParser, name: str) -> None:
    if name == START:
        action.add_argument("family", metavar="FAMILY", help="a name from `lodestar list`")
    else:
        action.add_argument("name", metavar="NAME", help="a name from `lodestar sweep list`")


def _where(action: argparse.ArgumentParser, name: str) -> None:
    action.add_argument(
        "--on", choices=("here", "cluster"), default="here", help="where it runs (default: %(default)s)"
    )
    if name == START:
        add_place(action)
    else:
        add_overlay(action)


def _start(action: argparse.ArgumentParser) -> None:
    action.add_argument("--name", metavar="NAME", help="the sweep's name (default: the family and a number)")
    action.add_argument(
        "--resume", action="store_true", help="go on with the sweep of that name, or the last"
    )
    action.add_argument("--trials", type=int, metavar="N", help="trials in all (default: 40)")
    action.add_argument("--parallel", type=int, metavar="P", help="trials at a time (default: 4)")
    action.add_argument("--metric", metavar="M", help="what is optimised (default: what blesses)")
    action.add_argument("--stop", metavar="RULE", help=STOP_HELP)
    action.add_argument("--seed", type=int, metavar="S", help="of everything random (default: 0)")
    action.add_argument("--surrogate", metavar="S", help="gp, et, gbrt or random (default: gp)")
    action.add_argument(
        "--running", metavar="LIE", help="what it is told of trials that run: believer or cl_min (believer)"
    )
    action.add_argument("--initial", type=int, metavar="N", help="points before the surrogate is asked (8)")
    action.add_argument("--target", type=float, metavar="X", help="end when the metric is as good as this")
    action.add_argument("--max-failures", type=int, metavar="N", help="end after so many failed trials")
    action.add_argument(
        "--retries", type=int, metavar="N", help="times that a trial is started again after a fault (2)"
    )
    action.add_argument("--wall-time", metavar="TIME", help="end after so long: 90 (seconds), 45m, 12h")
    action.add_argument("--watch", action="store_true", help="on a cluster: follow the run to its end")
    action.add_argument("--image", default="", metavar="REF", help="on a cluster: another image")
    action.add_argument("--experiment", metavar="E", help="on a cluster: where it is listed")


def _status(action: argparse.ArgumentParser) -> None:
    action.add_argument("--watch", action="store_true", help="follow the sweep to its end")


def _stop(action: argparse.ArgumentParser) -> None:
    action.add_argument("--drain", action="store_true", help="let the trials that run end first")


def _retry(action: argparse.ArgumentParser) -> None:
    action.add_argument("trial", type=int, metavar="TRIAL", help="number of a trial; it is tried once more")


def _set(action: argparse.ArgumentParser) -> None:
    action.add_argument("--trials", type=int, metavar="N", help="trials in all")
    action.add_argument("--parallel", type=int, metavar="P", help="trials at a time")


def _nothing(action: argparse.ArgumentParser) -> None:
    del action


_ACTIONS = {
    START: ("Search for a family's best settings.", _start),
    "list": ("List the sweeps.", _nothing),
    "status": ("Show a sweep and its trials.", _status),
    "pause": ("Start no new trial until `resume`; those that run go on.", _nothing),
    "resume": ("Go on with a sweep that is paused, or whose controller is gone.", _nothing),
    "stop": ("End a sweep.", _stop),
    "best": ("Print the best trial and the command that trains with its settings.", _nothing),
    "retry": ("Try a trial's point once more, as a new trial.", _retry),
    "set": ("Change how many trials there are.", _set),
    "report": ("Write the sweep's HTML report.", _nothing),
}
