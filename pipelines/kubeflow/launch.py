"""Run exactly one node with TFX's launcher, and say what it made."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Literal

from ml_metadata.proto import metadata_store_pb2
from tfx import types
from tfx.orchestration import metadata
from tfx.orchestration.local import runner_utils
from tfx.orchestration.portable import data_types, launcher, runtime_parameter_utils
from tfx.orchestration.portable.mlmd import execution_lib
from tfx.proto.orchestration import pipeline_pb2

from components.errors import InputError, LodestarError
from pipelines.beam.operator import without_runner
from pipelines.kubeflow import ir as tfx_ir
from pipelines.kubeflow.naming import kubernetes_name
from pipelines.kubeflow.parameters import parse_parameter

Stage = Callable[[str], AbstractContextManager[None]]
Artifacts = dict[str, list[types.Artifact]]


@dataclass(frozen=True)
class Outcome:
    """What came of a node.

    Attributes:
        state: `reused`: an earlier execution's outputs were taken; `skipped`: its condition did not hold.
        outputs: Output name -> artifacts.
    """

    state: Literal["done", "reused", "skipped"]
    outputs: Artifacts = field(default_factory=dict)


def bind(
    ir: pipeline_pb2.Pipeline,
    node_id: str,
    run_id: str,
    pipeline_root: str,
    rerun_from: str,
    parameters: dict[str, str],
) -> pipeline_pb2.PipelineNode:
    """Put a run's values into the IR, and return the node.

    Args:
        ir: Changed in place.
        node_id: The node to run.
        run_id: Identifies the run in ML Metadata.
        pipeline_root: Where artifacts go.
        rerun_from: A node's id or step name: it and all that follow it do not use the cache; empty for none.
        parameters: Runtime parameters as text.

    Raises:
        InputError: There is no such node, or a value has the wrong type.
    """
    node = tfx_ir.find_node(ir, node_id)
    declared = tfx_ir.runtime_parameters(node)
    unknown = sorted(set(parameters) - set(declared))
    if unknown:
        raise InputError(
            f"`{node_id}` has no parameter `{unknown[0]}`.",
            cure=f"Parameters: {', '.join(sorted(declared)) or 'none'}.",
        )
    values = {name: parse_parameter(declared[name], text) for name, text in parameters.items()}
    bindings = {tfx_ir.RUN_ID: run_id, tfx_ir.PIPELINE_ROOT: pipeline_root, **values}
    runtime_parameter_utils.substitute_runtime_parameter(ir, bindings)
    if rerun_from and node_id in tfx_ir.with_descendants(ir, _node_id(ir, rerun_from)):
        node.execution_options.caching_options.enable_cache = False
    return node


def launch(
    ir: pipeline_pb2.Pipeline, node: pipeline_pb2.PipelineNode, handle: metadata.Metadata, stage: Stage
) -> Outcome:
    """Run the node: driver, executor, publisher.

    Args:
        ir: With the values of the run in it.
        node: One of its nodes.
        handle: ML Metadata.
        stage: Times what is inside; gets `executor` around the node's own work.

    Raises:
        LodestarError: TFX says that the node failed without raising an error.
        Exception: What the node raised.
    """
    name = node.node_info.id
    config = runner_utils.extract_local_deployment_config(ir)
    executor, operators = without_runner(runner_utils.extract_executor_spec(config, name))
    info = launcher.Launcher(
        pipeline_node=node,
        mlmd_connection=handle,
        pipeline_info=ir.pipeline_info,
        pipeline_runtime_spec=ir.runtime_spec,
        executor_spec=executor,
        custom_driver_spec=runner_utils.extract_custom_driver_spec(config, name),
        custom_executor_operators={
            spec: _timed(operator, stage)
            for spec, operator in {**launcher.DEFAULT_EXECUTOR_OPERATORS, **operators}.items()
        },
    ).launch()
    if info is None or info.execution_id is None:
        return Outcome("skipped")
    return _outcome(handle, info)


def _timed(operator: Any, stage: Stage) -> Any:
    class Timed(operator):
        def run_executor(self, execution_info: data_types.ExecutionInfo) -> Any:
            with stage("executor"):
                return super().run_executor(execution_info)

    return Timed


def _outcome(handle: metadata.Metadata, info: data_types.ExecutionInfo) -> Outcome:
    with handle as entered:
        [execution] = entered.store.get_executions_by_id([info.execution_id])
        outputs = execution_lib.get_output_artifacts(entered, info.execution_id)
    if not execution_lib.is_execution_successful(execution):
        result = execution_lib.get_execution_result(execution, ignore_parse_errors=True)
        lines = (result.result_message if result else "").strip().splitlines()
        raise LodestarError(
            f"TFX gave the node up: {lines[-1].rstrip('.') if lines else 'no reason given'}.",
            cure="The log has the details.",
        )
    cached = execution.last_known_state == metadata_store_pb2.Execution.CACHED
    # A resolver publishes what it found as internal outputs; its own report has them.
    found = outputs or info.output_dict or info.input_dict or {}
    return Outcome("reused" if cached else "done", {key: list(artifacts) for key, artifacts in found.items()})


def _node_id(ir: pipeline_pb2.Pipeline, name: str) -> str:
    ids = [node.node_info.id for node in tfx_ir.nodes(ir)]
    return next((one for one in ids if name in (one, kubernetes_name(one))), name)
