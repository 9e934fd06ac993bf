"""TFX's own intermediate representation (IR) of a pipeline, cut to what one node needs.

The IR of a step holds its node whole and of every other node only the id, so that a spec grows with the
number of nodes and not with its square. Serialisation is deterministic: equal pipelines, equal bytes.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Iterator

from google.protobuf import message
from google.protobuf.descriptor import FieldDescriptor
from tfx.dsl.compiler import compiler, constants
from tfx.orchestration.pipeline import Pipeline
from tfx.proto.orchestration import pipeline_pb2

from components.errors import InputError

RUN_ID = constants.PIPELINE_RUN_ID_PARAMETER_NAME
PIPELINE_ROOT = constants.PIPELINE_ROOT_PARAMETER_NAME


def to_ir(pipeline: Pipeline) -> pipeline_pb2.Pipeline:
    """Return the IR of a pipeline.

    Raises:
        InputError: It holds another pipeline as a node.
    """
    ir = compiler.Compiler().compile(pipeline)
    nested = [n.sub_pipeline.pipeline_info.id for n in ir.nodes if n.HasField("sub_pipeline")]
    if nested:
        raise InputError(
            f"The pipeline `{ir.pipeline_info.id}` holds the pipeline `{nested[0]}`.",
            cure="Put its nodes into the outer pipeline: a step runs one node.",
        )
    return ir


def nodes(ir: pipeline_pb2.Pipeline) -> list[pipeline_pb2.PipelineNode]:
    """Return the nodes in the order of the pipeline."""
    return [node.pipeline_node for node in ir.nodes]


def deployment(ir: pipeline_pb2.Pipeline) -> pipeline_pb2.IntermediateDeploymentConfig:
    """Return the executors and drivers of the nodes."""
    config = pipeline_pb2.IntermediateDeploymentConfig()
    ir.deployment_config.Unpack(config)
    return config


def cut(ir: pipeline_pb2.Pipeline, node_id: str) -> pipeline_pb2.Pipeline:
    """Return what the step of one node needs of the IR; nothing of the machine that compiles is in it."""
    part = pipeline_pb2.Pipeline()
    part.CopyFrom(ir)
    for node in nodes(part):
        if node.node_info.id != node_id:
            bare = pipeline_pb2.PipelineNode(upstream_nodes=node.upstream_nodes)
            bare.node_info.id = node.node_info.id
            node.CopyFrom(bare)
    config = deployment(ir)
    config.ClearField("metadata_connection_config")
    for specs in (config.executor_specs, config.custom_driver_specs, config.node_level_platform_configs):
        for other in set(specs) - {node_id}:
            del specs[other]
    part.deployment_config.value = config.SerializeToString(deterministic=True)
    return part


def pack(ir: pipeline_pb2.Pipeline) -> str:
    """Return the IR as text for a command line."""
    return base64.b64encode(zlib.compress(ir.SerializeToString(deterministic=True), 9)).decode("ascii")


def unpack(text: str) -> pipeline_pb2.Pipeline:
    """Return the IR that `pack` made `text` of.

    Raises:
        InputError: It is cut off or changed.
    """
    try:
        return pipeline_pb2.Pipeline.FromString(zlib.decompress(base64.b64decode(text, validate=True)))
    except (binascii.Error, zlib.error, message.DecodeError) as error:
        raise InputError(f"--ir holds no pipeline: {error}.", cure="Compile the pipeline again.") from None


def find_node(ir: pipeline_pb2.Pipeline, node_id: str) -> pipeline_pb2.PipelineNode:
    """Return the node with this id.

    Raises:
        InputError: There is none.
    """
    for node in nodes(ir):
        if node.node_info.id == node_id:
            return node
    known = ", ".join(node.node_info.id for node in nodes(ir))
    raise InputError(f"There is no node `{node_id}`.", cure=f"Nodes: {known}.")


def with_descendants(ir: pipeline_pb2.Pipeline, node_id: str) -> set[str]:
    """Return the ids of a node and of all nodes that come after it because of it."""
    find_node(ir, node_id)
    found = {node_id}
    # Nodes are in topological order.
    for node in nodes(ir):
        if found & set(node.upstream_nodes):
            found.add(node.node_info.id)
    return found


def runtime_parameters(part: message.Message) -> dict[str, pipeline_pb2.RuntimeParameter]:
    """Return the runtime parameters of a message by name, run id and pipeline root left out.

    Raises:
        InputError: One name has two types or two defaults.
    """
    found: dict[str, pipeline_pb2.RuntimeParameter] = {}
    for parameter in _walk(part):
        if parameter.name in (RUN_ID, PIPELINE_ROOT):
            continue
        if found.setdefault(parameter.name, parameter) != parameter:
            raise InputError(
                f"The runtime parameter `{parameter.name}` has two types or two defaults.",
                cure="Make it once and pass that object to every node.",
            )
    return found


def _walk(part: message.Message) -> Iterator[pipeline_pb2.RuntimeParameter]:
    if isinstance(part, pipeline_pb2.RuntimeParameter):
        yield part
        return
    for field, value in part.ListFields():
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            for child in _messages(field, value):
                yield from _walk(child)


def _messages(field: FieldDescriptor, value: object) -> list[message.Message]:
    if field.label != FieldDescriptor.LABEL_REPEATED:
        return [value]
    if field.message_type.GetOptions().map_entry:
        is_message = field.message_type.fields_by_name["value"].type == FieldDescriptor.TYPE_MESSAGE
        return [value[key] for key in sorted(value)] if is_message else []  # type: ignore[index, call-overload]
    return list(value)  # type: ignore[call-overload]
