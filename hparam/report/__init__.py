"""One self-contained HTML page per sweep: what was tried, what came of it, and the commands to go on with."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import jinja2

from components.family import find_family
from hparam.command import training_command
from hparam.progress import describe_end, describe_params
from hparam.report.band import random_band
from hparam.report.dependence import common_ends, dependence_chart, dependences
from hparam.report.history import ended_trials, history_chart
from hparam.report.parallel import parallel_chart, ranked_trials
from hparam.report.timeline import timeline_chart
from hparam.space import Space
from hparam.trials import Sweep, Trial, TrialState

_TOP = 5


@dataclass(frozen=True)
class _Row:
    """A trial as the page's tables show it."""

    trial: Trial
    params: str
    state: str
    seconds: float | None
    command: str = ""
    last_line: str = ""


def write_report(sweep: Sweep, path: Path, now: float) -> None:
    """Write the page; a reader sees the one before or this one, never half of it.

    Args:
        sweep: What the journal says.
        path: The HTML file; it is replaced.
        now: Unix time of the report.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_text(render(sweep, now), encoding="utf-8")
    aside.replace(path)


def render(sweep: Sweep, now: float) -> str:
    """Return the page; it needs no network and no other file.

    Args:
        sweep: What the journal says.
        now: Unix time of the report.
    """
    spec = sweep.spec
    space = Space.parse(spec.space, find_family(spec.family), spec.settings)
    band = random_band(sweep, max(len(ended_trials(sweep)), 1))
    found = dependences(sweep, space)
    ends = common_ends(found) if found else (0.0, 1.0)
    bad = sweep.in_state(TrialState.FAILED, TrialState.LOST)
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True)
    return environment.get_template("page.html").render(
        sweep=sweep,
        spec=spec,
        written=_time(now),
        began=_time(sweep.created),
        summary=describe_end(sweep),
        band=band,
        history=history_chart(sweep, band),
        timeline=timeline_chart(sweep, now),
        parallel=parallel_chart(sweep, space),
        dependences=[dependence_chart(one, spec.metric, ends) for one in found],
        top=[_row(trial, sweep) for trial in ranked_trials(sweep)[:_TOP]],
        failed=[_row(trial, sweep) for trial in bad],
        trials=[_row(trial, sweep) for trial in sweep.trials],
    )


def _row(trial: Trial, sweep: Sweep) -> _Row:
    ran = trial.started is not None and trial.ended is not None
    return _Row(
        trial,
        describe_params(trial),
        trial.state.value.lower(),
        (trial.ended or 0.0) - (trial.started or 0.0) if ran else None,
        training_command(sweep.spec, trial.params),
        next((line for line in reversed(trial.log) if line.strip()), ""),
    )


def _time(at: float) -> str:
    return f"{datetime.fromtimestamp(at, timezone.utc):%Y-%m-%d %H:%M:%S} UTC"
