"""`lodestar run`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.family import Family, Query, find_family
from components.home import Home
from pipelines.beam.job_server import local_beam_args
from pipelines.here import Here
from pipelines.settings import load_settings
from pipelines.terminal import print_json
from pipelines.tuned import best_of
from pipelines.verbs.options import overrides, sweep_plan

if TYPE_CHECKING:
    from pipelines.local import NodeReport


def run(arguments: argparse.Namespace) -> int:
    """Run a family's pipeline on this machine; print a line per node and what came of it."""
    family = find_family(arguments.family)
    home = Home.find()
    tuned = best_of(arguments.from_sweep, family, home) if arguments.from_sweep else ()
    settings = load_settings(family, arguments.config, overrides(arguments), tuned)
    plan = sweep_plan(arguments)
    plan = plan and plan.resolved(family, settings)
    if arguments.show_settings:
        print_json(settings.model_dump(mode="json"))
        return 0
    beam_args = local_beam_args(arguments.beam_runner, arguments.beam_option, home)
    here = Here(family, settings, home, beam_args, quiet=arguments.output == "json")
    result = _result(here.run(plan), here.run_id, here.log)
    if arguments.output == "json":
        print_json(result)
    else:
        print(f"report  {result['report']}")
        print(f"next    {_next(family, result['blessed'])}")
    return 0


def _result(reports: list[NodeReport], run_id: str, log: Path) -> dict[str, Any]:
    # Loaded by the run.
    import tensorflow as tf

    by_name = {report.node: report for report in reports}
    evaluation = by_name["Evaluator"].outputs["evaluation"]
    with tf.io.gfile.GFile(f"{evaluation}/metrics.json") as file:
        decision = json.load(file)["decision"]
    return {
        "run_id": run_id,
        "log": str(log),
        "nodes": [
            {"node": r.node, "state": r.state, "seconds": round(r.seconds, 2), "made": r.made}
            for r in reports
        ],
        "report": f"{evaluation}/report.html",
        "metrics": f"{evaluation}/metrics.json",
        "blessed": decision["blessed"],
        "pushed": by_name["Pusher"].made,
    }


def _next(family: Family, blessed: bool) -> str:
    if blessed:
        return f"`lodestar serve`, then `lodestar query {family.name} {_usage(family.query)}`"
    return "see the report; thresholds below 0 allow a loss, e.g. `--set evaluate.thresholds.baseline=-0.1`"


def _usage(query: Query) -> str:
    words = ["WORDS"] if query.text_input else []
    return " ".join([*words, *(f"--{option} ID" for option, _ in query.options)])
