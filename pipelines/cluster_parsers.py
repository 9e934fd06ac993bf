"""Parsers of the verbs that work on a cluster; parsing only, so that `lodestar --help` stays quick."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from pipelines.sweep_options import add_sweep_step

Verbs = argparse._SubParsersAction
AddVerb = Callable[..., argparse.ArgumentParser]
AddOptions = Callable[[argparse.ArgumentParser], None]


def add_cluster_verbs(verbs: Verbs[argparse.ArgumentParser], add: AddVerb, settings: AddOptions) -> None:
    """Add submit, schedule, status, logs, terminate and resume.

    Args:
        verbs: Where to add them.
        add: Adds a verb that takes `-o`: `add(verbs, name, text)`.
        settings: Adds the options that change a family's settings.
    """
    for what in (_submit(verbs, add), _schedule(verbs, add)):
        settings(what)
        add_sweep_step(what)
        what.add_argument("--image", default="", metavar="REF", help="another image than the overlay's")
        what.add_argument("--experiment", metavar="E", help="where it is listed (default: the family)")
        add_place(what)
    for verb in (_status, _logs, _terminate, _resume):
        add_place(verb(verbs, add))


def add_place(verb: argparse.ArgumentParser) -> None:
    """Add the options that say which cluster."""
    add_overlay(verb)
    verb.add_argument(
        "--host",
        metavar="URL",
        help="Kubeflow Pipelines' address; default: $LODESTAR_KFP_HOST, else through the kubeconfig",
    )


def add_overlay(verb: argparse.ArgumentParser) -> None:
    """Add the option that says where on a cluster things are."""
    verb.add_argument(
        "--overlay",
        default="kind-cpu",
        metavar="O",
        help="a folder of manifests/overlays (default: %(default)s)",
    )


def add_server_option(verb: argparse.ArgumentParser) -> None:
    """Add the option that says which model servers are meant."""
    verb.add_argument(
        "--server",
        action="append",
        metavar="HOST:PORT",
        help="gRPC address of the model server (default: 127.0.0.1:8500, if one is there); repeatable",
    )


def add_on(verb: argparse.ArgumentParser) -> None:
    """Add the option that says whether this machine or a cluster is meant."""
    verb.add_argument(
        "--on", choices=("here", "cluster"), default="here", help="where it is (default: %(default)s)"
    )


def _submit(verbs: Verbs[argparse.ArgumentParser], add: AddVerb) -> argparse.ArgumentParser:
    verb = add(verbs, "submit", "Run a family's pipeline on the cluster.")
    verb.add_argument("family", metavar="FAMILY", help="a name from `lodestar list`")
    verb.add_argument("--name", metavar="RUN", help="the run's name; unique (default: family and time)")
    verb.add_argument("--watch", action="store_true", help="follow the run to its end")
    return verb


def _schedule(verbs: Verbs[argparse.ArgumentParser], add: AddVerb) -> argparse.ArgumentParser:
    verb = add(verbs, "schedule", "Run a family's pipeline on the cluster at set times.")
    verb.add_argument("family", nargs="?", metavar="FAMILY", help="a name from `lodestar list`")
    verb.add_argument("--cron", metavar='"M H DOM MON DOW"', help='five fields, UTC, e.g. "0 3 * * *"')
    verb.add_argument("--name", metavar="NAME", help="the schedule's name; unique (default: the family)")
    verb.add_argument(
        "--max-concurrency", type=int, default=1, metavar="N", help="runs at once, 1 to 10 (default: 1)"
    )
    verb.add_argument("--catchup", action="store_true", help="make up for missed firings, one run each")
    change = verb.add_mutually_exclusive_group()
    change.add_argument("--list", action="store_true", help="list the schedules")
    for name, text in (
        ("pause", "stop it from firing"),
        ("resume", "let it fire again"),
        ("delete", "delete it"),
    ):
        change.add_argument(f"--{name}", metavar="NAME", help=text)
    return verb


def _status(verbs: Verbs[argparse.ArgumentParser], add: AddVerb) -> argparse.ArgumentParser:
    verb = add(verbs, "status", "List runs and deployments, or show a run's steps or a family's deployment.")
    verb.epilog = (
        "A family's deployment is UpToDate (0), InProgress (3), BlockedByFailedLoad (1) or InvalidSpec (2). "
        "With a kubeconfig that may read pods it also shows which steps were `reused`, what each step made, "
        "and the last lines of one that failed; otherwise what the API of Kubeflow Pipelines says."
    )
    verb.add_argument(
        "run", nargs="?", metavar="RUN|FAMILY", help="name or id of a run, or the start of one; or a family"
    )
    verb.add_argument("--watch", action="store_true", help="follow the run to its end")
    add_server_option(verb)
    add_on(verb)
    verb.set_defaults(model_root="")
    verb.add_argument(
        "--limit", type=int, default=20, metavar="N", help="runs to list (default: %(default)s)"
    )
    return verb


def _logs(verbs: Verbs[argparse.ArgumentParser], add: AddVerb) -> argparse.ArgumentParser:
    verb = add(verbs, "logs", "Print what the steps of a run wrote.")
    verb.add_argument("run", metavar="RUN", help="name or id, or the start of one")
    verb.add_argument("--step", metavar="STEP", help="only this step, e.g. trainer")
    verb.add_argument("--follow", action="store_true", help="wait for more until the run has ended")
    return verb


def _terminate(verbs: Verbs[argparse.ArgumentParser], add: AddVerb) -> argparse.ArgumentParser:
    verb = add(verbs, "terminate", "Stop a run; what its steps have finished stays.")
    verb.add_argument("run", metavar="RUN", help="name or id, or the start of one")
    return verb


def _resume(verbs: Verbs[argparse.ArgumentParser], add: AddVerb) -> argparse.ArgumentParser:
    verb = add(verbs, "resume", "Run an ended run's spec again; what it finished is re-used.")
    verb.add_argument("run", metavar="RUN", help="name or id, or the start of one")
    verb.add_argument("--from", dest="start", metavar="STEP", help="run this step and all after it again")
    verb.add_argument("--watch", action="store_true", help="follow the run to its end")
    return verb
