"""Start a sweep on this machine, or go on with one; the controller runs in this process."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from typing import Any

from components.errors import InputError
from components.family import Family, find_family
from components.home import Home
from hparam.conduct import conduct as control
from hparam.folder import SweepFolder
from hparam.journal import Journal, read_journal
from hparam.report import write_report
from hparam.snapshot import snapshot
from pipelines.beam.job_server import local_beam_args
from pipelines.here import Here as Pipeline
from pipelines.settings import load_settings
from pipelines.sweeps.asked import free_name, plan_of, refuse_cluster_options, refuse_new_questions
from pipelines.sweeps.live import Watch, teller
from pipelines.sweeps.places import Here, place_of
from pipelines.sweeps.show import print_asked, print_end
from pipelines.verbs.options import overrides


def start(arguments: argparse.Namespace) -> int:
    """Search for a family's best settings, and return the exit code.

    Raises:
        InputError: An option, a setting or the space is wrong, or the name is taken.
        LodestarError: The data could not be prepared, or the sweep cannot go on.
    """
    if arguments.on == "cluster":
        from pipelines.sweeps.submit import submit  # It loads the Kubernetes client.

        return submit(arguments)
    refuse_cluster_options(arguments)
    family, home = find_family(arguments.family), Home.find()
    place = Here(home)
    if not arguments.resume:
        return conduct(place, _create(family, home, arguments), arguments.output)
    refuse_new_questions(arguments)
    name = arguments.name or _last(family, place)
    wanted = {"trials": arguments.trials, "parallel": arguments.parallel}
    return _go_on(place, name, wanted, arguments.output)


def resume(arguments: argparse.Namespace) -> int:
    """Let a paused sweep go on; where no controller is at work, be it."""
    place = place_of(arguments)
    seen = place.read(arguments.name)
    held = {key: False for key in ("paused", "draining") if seen.snapshot[key]}
    if not isinstance(place, Here) or seen.controlled:
        place.send(arguments.name, held or {"paused": False})
        return print_asked(arguments, f"`lodestar sweep status {arguments.name}`")
    waiting = any(place.folder(arguments.name).control.glob("*.json"))
    # One that ended because no trial could be started may go on when the cause is gone.
    if seen.snapshot["ended"] not in ("", "error") and not waiting:
        raise InputError(
            f"The sweep `{arguments.name}` has ended: {seen.snapshot['message'] or seen.snapshot['ended']}.",
            cure=f"Give it more to do first: `lodestar sweep set {arguments.name} --trials N`.",
        )
    return _go_on(place, arguments.name, held, arguments.output)


def _go_on(place: Here, name: str, changes: Mapping[str, Any], output: str) -> int:
    given = {key: value for key, value in changes.items() if value is not None}
    if given:
        place.send(name, given)
    return conduct(place, name, output)


def conduct(place: Here, name: str, output: str) -> int:
    """Run the controller of a sweep to its end, write the report, and return the exit code."""
    folder = place.folder(name)
    with Watch(place.progress(name), quiet=output == "json") as watch:
        sweep = control(folder, read_journal(folder.journal).spec, teller(watch))
    write_report(sweep, folder.report, time.time())
    return print_end(snapshot(sweep), str(folder.report), output)


def _create(family: Family, home: Home, arguments: argparse.Namespace) -> str:
    settings = load_settings(family, arguments.config, overrides(arguments))
    plan = plan_of(arguments).resolved(family, settings)
    raw = settings.model_dump(mode="json")
    taken = Here(home).names()
    if plan.name in taken:
        raise InputError(
            f"There is a sweep `{plan.name}` already.",
            cure="Add --resume to go on with it, or choose another name.",
        )
    beam_args = local_beam_args(arguments.beam_runner, arguments.beam_option, home)
    inputs = Pipeline(family, settings, home, beam_args, quiet=arguments.output == "json").prepare()
    name = plan.name or free_name(family.name, Here(home).names())
    Journal.create(SweepFolder(home.sweeps / name), plan.spec(name, family, raw, inputs), time.time)
    return name


def _last(family: Family, place: Here) -> str:
    found = [read_journal(place.folder(name).journal) for name in place.names()]
    open_ones = [sweep for sweep in found if sweep.spec.family == family.name and not sweep.ended]
    if not open_ones:
        raise InputError(
            f"No sweep of {family.name} is unfinished.",
            cure="`lodestar sweep list` shows all; name one that has ended with --name.",
        )
    return max(open_ones, key=lambda sweep: sweep.created).spec.name
