"""The actions of `lodestar sweep` that look at a sweep or leave a request for its controller."""

from __future__ import annotations

import argparse
import time

from components.errors import InputError, LodestarError
from components.home import Home
from hparam.journal import read_journal
from pipelines.sweeps.live import Watch
from pipelines.sweeps.places import Here, Place, Seen, place_of
from pipelines.sweeps.show import print_asked, print_list, print_sweep
from pipelines.sweeps.status import best_line
from pipelines.terminal import print_json

_POLL_SECONDS = 1.0


def show_all(arguments: argparse.Namespace) -> int:
    """List the sweeps."""
    place = place_of(arguments)
    print_list([place.read(name) for name in place.names()], arguments.output)
    return 0


def status(arguments: argparse.Namespace) -> int:
    """Print a sweep; 0 when it has found something, 1 when it has not, 3 while it goes on."""
    place = place_of(arguments)
    seen = _follow(place, arguments) if arguments.watch else place.read(arguments.name)
    return print_sweep(seen, arguments.output, place.progress(arguments.name))


def pause(arguments: argparse.Namespace) -> int:
    """Let no new trial start."""
    place = place_of(arguments)
    seen = _going_on(place, arguments.name)
    if not seen.controlled:
        raise InputError(
            f"Nothing is there to pause: no controller is at work on `{arguments.name}`.",
            cure=f"`lodestar sweep resume {arguments.name}` goes on.",
        )
    place.send(arguments.name, {"paused": True})
    return print_asked(arguments, f"`lodestar sweep resume {arguments.name}` goes on")


def stop(arguments: argparse.Namespace) -> int:
    """End a sweep: at once, or with the trials that run."""
    place = place_of(arguments)
    seen = _going_on(place, arguments.name)
    place.send(arguments.name, {"draining": True} if arguments.drain else {"stopping": True})
    if isinstance(place, Here) and not seen.controlled:
        # Its trials may go on without a controller: somebody has to end them.
        from pipelines.sweeps.start import conduct

        return conduct(place, arguments.name, arguments.output)
    return print_asked(arguments, f"`lodestar sweep status {arguments.name}`")


def retry(arguments: argparse.Namespace) -> int:
    """Try a trial's point once more, as a new trial."""
    place = place_of(arguments)
    snapshot = place.read(arguments.name).snapshot
    count = sum(snapshot["counts"].values())
    if not 0 <= arguments.trial < count:
        raise InputError(f"There is no trial {arguments.trial}.", cure=f"They go from 0 to {count - 1}.")
    found = [trial for trial in snapshot["trials"] if trial["trial"] == arguments.trial]
    if found and not found[0]["final"]:
        raise InputError(f"Trial {arguments.trial} has not ended.", cure="Wait for its end.")
    place.send(arguments.name, {"retry": arguments.trial})
    return print_asked(arguments, _how_to_go_on(place, arguments.name))


def change(arguments: argparse.Namespace) -> int:
    """Change how many trials there are."""
    wanted = {"trials": arguments.trials, "parallel": arguments.parallel}
    given = {key: value for key, value in wanted.items() if value is not None}
    if not given:
        raise InputError("Nothing is there to set.", cure="Add --trials N, --parallel P or both.")
    for key, value in given.items():
        if value < 1:
            raise InputError(f"`--{key} {value}` is below 1.", cure="Give a number from 1 on.")
    place = place_of(arguments)
    place.read(arguments.name)
    place.send(arguments.name, given)
    return print_asked(arguments, _how_to_go_on(place, arguments.name))


def best(arguments: argparse.Namespace) -> int:
    """Print the best trial and the command that trains with its settings."""
    snapshot = place_of(arguments).read(arguments.name).snapshot
    found = snapshot["best"]
    if found is None:
        raise LodestarError(
            f"No trial of `{arguments.name}` has succeeded.",
            cure=f"`lodestar sweep status {arguments.name}` says what came of them.",
        )
    if arguments.output == "json":
        print_json(found)
        return 0
    print(best_line(snapshot))
    for name, value in found["params"].items():
        print(f"  {name} = {value}")
    print(f"next  {found['command']}")
    return 0


def report(arguments: argparse.Namespace) -> int:
    """Write the HTML report of a sweep in this machine's home."""
    from hparam.report import write_report  # It imports the optimizer's libraries.

    folder = Here(Home.find()).folder(arguments.name)
    write_report(read_journal(folder.journal), folder.report, time.time())
    if arguments.output == "json":
        print_json({"name": arguments.name, "report": str(folder.report)})
    else:
        print(f"report  {folder.report}")
    return 0


def _going_on(place: Place, name: str) -> Seen:
    seen = place.read(name)
    if seen.snapshot["ended"]:
        raise InputError(
            f"The sweep `{name}` has ended: {seen.snapshot['message'] or seen.snapshot['ended']}.",
            cure=f"See it: `lodestar sweep status {name}`.",
        )
    return seen


def _how_to_go_on(place: Place, name: str) -> str:
    # Without a controller the request waits for the next one.
    controlled = place.read(name).controlled
    return f"`lodestar sweep {'status' if controlled else 'resume'} {name}`"


def _follow(place: Place, arguments: argparse.Namespace) -> Seen:
    with Watch(place.progress(arguments.name), quiet=arguments.output == "json") as watch:
        while True:
            seen = place.read(arguments.name)
            watch(seen.snapshot)
            if not seen.controlled:
                return seen
            time.sleep(_POLL_SECONDS)
