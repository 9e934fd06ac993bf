"""Run exactly one node of a pipeline in a pod: `python -m pipelines.kubeflow.step`.

A step needs only its arguments and its environment. It prints what it does, how long each stage took, and
when it fails one block that says why; it ends with 0, 1 (the work failed) or 2 (the input is wrong).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

from components.errors import InputError
from pipelines.kubeflow import failure
from pipelines.kubeflow.result import result_line
from pipelines.quiet import hush
from pipelines.status import State

if TYPE_CHECKING:
    from pipelines.kubeflow.launch import Outcome

_STARTED = time.monotonic()
_SHOWN = ("imports", "metadata", "driver", "executor", "report")
_WAIT_S = 300.0


class Stages:
    """Seconds by stage; stages may be inside each other."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Add the time of what is inside to the stage `name`."""
        start = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - start

    def line(self, total: float) -> str:
        """Return one line: every stage, the total, and the overhead, which is all but the node's own work."""
        shown = {name: self.seconds.get(name, 0.0) for name in _SHOWN}
        shown |= {"total": total, "overhead": total - shown["executor"]}
        return "stages  " + "  ".join(f"{name} {seconds:.1f} s" for name, seconds in shown.items())


def main(argv: Sequence[str] | None = None) -> int:
    """Run the node that the arguments name; return the exit code."""
    arguments = _parse(argv)
    stages = Stages()
    try:
        outcome = _run(arguments, stages)
    except BaseException as error:
        text = failure.describe(arguments.node, arguments.run_id, error)
        print(stages.line(time.monotonic() - _STARTED))
        failure.print_failure(text, error)
        failure.leave_message(text)
        return failure.exit_code(error)
    print(stages.line(time.monotonic() - _STARTED))
    line = _result(arguments.node, outcome)
    print(line, flush=True)
    failure.leave_message(line)
    return 0


def leave(code: int) -> NoReturn:
    """End the process without Python's clean-up, in which TensorFlow's threads print errors."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m pipelines.kubeflow.step", description=__doc__)
    parser.add_argument("--node", required=True, metavar="ID", help="the node to run")
    parser.add_argument("--ir", required=True, metavar="TEXT", help="the packed pipeline")
    parser.add_argument("--run-id", required=True, metavar="ID", help="the run, in ML Metadata")
    parser.add_argument("--metadata", required=True, metavar="URL", help="grpc://, mysql:// or sqlite://")
    parser.add_argument("--metadata-wait", type=float, default=_WAIT_S, metavar="SECONDS")
    parser.add_argument("--pipeline-root", required=True, metavar="URI", help="where artifacts go")
    parser.add_argument("--rerun-from", default="", metavar="ID", help="node from which nothing is re-used")
    parser.add_argument("--parameter", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--html", action="append", default=[], metavar="OUTPUT=PATH")
    parser.add_argument("--executor-input", default="{}", metavar="JSON", help="from Kubeflow's launcher")
    return parser.parse_args(argv)


def _run(arguments: argparse.Namespace, stages: Stages) -> Outcome:
    print(f"{arguments.node}: run {arguments.run_id}, root {arguments.pipeline_root}", flush=True)
    hush()
    with stages("imports"):
        from components import object_store
        from pipelines.kubeflow import ir as tfx_ir
        from pipelines.kubeflow.launch import bind, launch
        from pipelines.kubeflow.metadata import connect
        from pipelines.kubeflow.report import write_report
    object_store.connect(arguments.pipeline_root)
    executor_input = _executor_input(arguments.executor_input)
    ir = tfx_ir.unpack(arguments.ir)
    node = bind(
        ir,
        arguments.node,
        arguments.run_id,
        arguments.pipeline_root,
        arguments.rerun_from,
        _pairs(arguments.parameter),
    )
    handle, patience = connect(arguments.metadata, arguments.run_id, arguments.metadata_wait)
    print(f"{arguments.node}: ML Metadata at {arguments.metadata} answers", flush=True)
    try:
        with stages("launch"):
            outcome = launch(ir, node, handle, stages)
    finally:
        own = stages.seconds.get("executor", 0.0)
        stages.seconds["metadata"] = patience.seconds
        stages.seconds["driver"] = max(0.0, stages.seconds["launch"] - own - patience.seconds)
    with stages("report"):
        write_report(outcome, executor_input, _pairs(arguments.html))
    return outcome


def _executor_input(text: str) -> dict[str, object]:
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(
            f"--executor-input is not JSON: {error}.", cure="Let Kubeflow Pipelines pass it: {{$}}."
        ) from None
    return dict(content)


def _pairs(options: Sequence[str]) -> dict[str, str]:
    found = {}
    for option in options:
        name, equals, value = option.partition("=")
        if not equals:
            raise InputError(f"`{option}` is not NAME=VALUE.", cure="Compile the pipeline again.")
        found[name] = value
    return found


def _result(node: str, outcome: Outcome) -> str:
    from pipelines.summary import summarize

    first = {key: artifacts[0] for key, artifacts in outcome.outputs.items() if artifacts}
    return result_line(node, State(outcome.state), summarize(first))


if __name__ == "__main__":
    leave(main())
