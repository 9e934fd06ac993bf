"""`lodestar run`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.family import Family, FamilySettings, Query, find_family
from components.home import Home
from pipelines.beam.job_server import local_beam_args
from pipelines.quiet import noise_to
from pipelines.run_name import fresh_run_name
from pipelines.settings import load_settings
from pipelines.terminal import NodeLines, print_json
from pipelines.verbs.options import overrides

if TYPE_CHECKING:
    from pipelines.local import NodeReport


def run(arguments: argparse.Namespace) -> int:
    """Run a family's pipeline on this machine; print a line per node and what came of it."""
    family = find_family(arguments.family)
    home = Home.find()
    settings = load_settings(family, arguments.config, overrides(arguments))
    if arguments.show_settings:
        print_json(settings.model_dump(mode="json"))
        return 0
    _fetch_data(family, settings, home)
    run_id = fresh_run_name(family.name)
    log = home.logs / f"{run_id}.log"
    beam_args = local_beam_args(arguments.beam_runner, arguments.beam_option, home)
    reports = _run(family, settings, home, run_id, log, beam_args, quiet=arguments.output == "json")
    result = _result(reports, run_id, log)
    if arguments.output == "json":
        print_json(result)
    else:
        print(f"report  {result['report']}")
        print(f"next    {_next(family, result['blessed'])}")
    return 0


def _fetch_data(family: Family, settings: FamilySettings, home: Home) -> None:
    # Ingest does it too; before TFX is loaded, a wrong name is told at once and progress is seen.
    from components.datasets.fetch import resolve

    resolve(settings.data.source, home.data, family.folder / "sample")


def _run(
    family: Family,
    settings: FamilySettings,
    home: Home,
    run_id: str,
    log: Path,
    beam_args: Sequence[str],
    quiet: bool,
) -> list[NodeReport]:
    reports: list[NodeReport] = []
    with noise_to(log) as terminal:
        lines = NodeLines(terminal)
        if not quiet:
            lines.say(f"{family.name}: run {run_id}, log {log}")

        def observe(report: NodeReport) -> None:
            if report.state != "running":
                reports.append(report)
            if not quiet:
                lines.show(report)

        # TFX takes ten seconds and more to import.
        with lines.busy("loading TFX"):
            from pipelines.assemble import assemble
            from pipelines.local import NodeFailed, run_locally, sqlite_metadata
        pipeline = assemble(
            family,
            settings,
            home.pipeline_root(family.name),
            home.serving / family.name,
            sqlite_metadata(home.metadata),
            beam_args,
        )
        try:
            run_locally(pipeline, run_id, observe)
        except NodeFailed as error:
            error.source = str(log)
            raise
    return reports


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
