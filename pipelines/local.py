"""Run a pipeline on this machine: LocalDagRunner, node by node, with ML Metadata in a SQLite file."""

from __future__ import annotations

import fcntl
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ml_metadata.proto import metadata_store_pb2
from tfx import types
from tfx.dsl.compiler import compiler
from tfx.orchestration import metadata
from tfx.orchestration.local import runner_utils
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.pipeline import Pipeline
from tfx.orchestration.portable import launcher, runtime_parameter_utils
from tfx.orchestration.portable.mlmd import execution_lib
from tfx.proto.orchestration import pipeline_pb2

from components.errors import LodestarError
from components.home import is_uri
from components.object_store import require_writable
from pipelines.beam.operator import without_runner
from pipelines.summary import summarize

State = Literal["running", "done", "reused", "failed"]


@dataclass(frozen=True)
class NodeReport:
    """What happened at one node.

    Attributes:
        node: The node's id, e.g. `Trainer`.
        state: `reused` means that an earlier run's outputs were taken from the cache.
        seconds: Wall time so far.
        made: One line on what it made.
        outputs: Output name -> URI of the artifact.
    """

    node: str
    state: State
    seconds: float = 0.0
    made: str = ""
    outputs: dict[str, str] = field(default_factory=dict)


class NodeFailed(LodestarError):
    """Signal that a node ended with an error that is not one of ours."""


class NodeByNodeRunner(LocalDagRunner):
    """LocalDagRunner that tells an observer when a node starts and ends.

    Nodes run one after the other in this process, so that TensorFlow and TFX are imported once.
    """

    def __init__(self, run_id: str, observe: Callable[[NodeReport], None]) -> None:
        super().__init__()
        self._run_id = run_id
        self._observe = observe

    def run(self, pipeline: Pipeline, run_options: object = None) -> None:
        """Run every node; the first that fails ends the run."""
        del run_options
        ir = compiler.Compiler().compile(pipeline)
        runtime_parameter_utils.substitute_runtime_parameter(ir, {"pipeline-run-id": self._run_id})
        deployment = runner_utils.extract_local_deployment_config(ir)
        for node in ir.nodes:
            self._run_node(ir, node.pipeline_node, deployment, pipeline.metadata_connection_config)

    def _run_node(
        self,
        ir: pipeline_pb2.Pipeline,
        node: pipeline_pb2.PipelineNode,
        deployment: object,
        config: metadata_store_pb2.ConnectionConfig,
    ) -> None:
        name = node.node_info.id
        started = time.monotonic()
        self._observe(NodeReport(name, "running"))
        executor, operators = without_runner(runner_utils.extract_executor_spec(deployment, name))
        try:
            info = launcher.Launcher(
                pipeline_node=node,
                mlmd_connection=metadata.Metadata(config),
                pipeline_info=ir.pipeline_info,
                pipeline_runtime_spec=ir.runtime_spec,
                executor_spec=executor,
                custom_driver_spec=runner_utils.extract_custom_driver_spec(deployment, name),
                custom_executor_operators=operators,
            ).launch()
        except BaseException as error:
            self._observe(NodeReport(name, "failed", time.monotonic() - started, _headline(error)))
            raise
        state, outputs = _outcome(config, info.execution_id)
        seconds = time.monotonic() - started
        uris = {key: artifact.uri for key, artifact in outputs.items()}
        self._observe(NodeReport(name, state, seconds, summarize(outputs), uris))


def run_locally(pipeline: Pipeline, run_id: str, observe: Callable[[NodeReport], None]) -> None:
    """Run `pipeline`; a second run with nothing changed re-uses every node.

    Raises:
        LodestarError: A node failed, or another run of the same pipeline is going on.
    """
    root = pipeline.pipeline_info.pipeline_root
    with _only_run(pipeline.pipeline_info.pipeline_name, _lock_file(pipeline)):
        if is_uri(root):
            require_writable(root)
        failed: list[NodeReport] = []

        def watch(report: NodeReport) -> None:
            if report.state == "failed":
                failed.append(report)
            observe(report)

        try:
            NodeByNodeRunner(run_id, watch).run(pipeline)
        except LodestarError:
            raise
        except Exception as error:
            logging.exception("The run failed")
            node = failed[-1].node if failed else "The pipeline"
            raise NodeFailed(
                f"{node} failed: {_headline(error)}.", cure="The log has the details."
            ) from error


def sqlite_metadata(path: Path) -> metadata_store_pb2.ConnectionConfig:
    """Return the connection to ML Metadata in a SQLite file, made if missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return metadata.sqlite_metadata_connection_config(str(path))


def _lock_file(pipeline: Pipeline) -> Path:
    info = pipeline.pipeline_info
    if not is_uri(info.pipeline_root):
        return Path(info.pipeline_root) / ".lock"
    # An object store has no locks; runs that share metadata share its folder.
    folder = Path(pipeline.metadata_connection_config.sqlite.filename_uri).parent
    return folder / f".{info.pipeline_name}.lock"


@contextmanager
def _only_run(name: str, lock_file: Path) -> Iterator[None]:
    lock_file.parent.mkdir(parents=True, exist_ok=True)
    with lock_file.open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LodestarError(
                f"Another run of `{name}` is going on.",
                cure="Wait for it, or set another LODESTAR_HOME.",
            ) from None
        yield


def _outcome(
    config: metadata_store_pb2.ConnectionConfig, execution_id: int
) -> tuple[State, dict[str, types.Artifact]]:
    with metadata.Metadata(config) as handle:
        [execution] = handle.store.get_executions_by_id([execution_id])
        outputs = execution_lib.get_output_artifacts(handle, execution_id)
    cached = execution.last_known_state == metadata_store_pb2.Execution.CACHED
    return "reused" if cached else "done", {key: found[0] for key, found in outputs.items() if found}


def _headline(error: BaseException) -> str:
    lines: Sequence[str] = [line for line in str(error).splitlines() if line.strip()]
    text = lines[0].strip().rstrip(".") if lines else ""
    return text if isinstance(error, LodestarError) else f"{type(error).__name__}: {text}"
