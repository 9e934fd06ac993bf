"""Which outputs of a node Kubeflow Pipelines is told about, and under which type its UI shows them."""

from __future__ import annotations

from collections.abc import Iterator

from ml_metadata.proto import metadata_store_pb2
from tfx.proto.orchestration import pipeline_pb2

EVALUATION, SWEEP = "ModelEvaluation", "TunerResults"
METRICS, REPORT = "metrics", "report"
_DRAWN = {
    EVALUATION: {METRICS: "system.Metrics", REPORT: "system.HTML"},
    SWEEP: {REPORT: "system.HTML"},
}
_TITLES = {
    metadata_store_pb2.ArtifactType.DATASET: "system.Dataset",
    metadata_store_pb2.ArtifactType.MODEL: "system.Model",
    metadata_store_pb2.ArtifactType.METRICS: "system.Metrics",
}
_RESOLVER = "tfx.dsl.components.common.resolver.Resolver"


def declared_outputs(node: pipeline_pb2.PipelineNode) -> dict[str, str]:
    """Return output name -> Kubeflow's type, e.g. `model` -> `system.Model`.

    A ModelEvaluation called `evaluation` brings two more, which the UI draws: `evaluation_metrics` and
    `evaluation_report`; TunerResults bring a report. A resolver's outputs are what it resolves: the IR lists
    them as inputs.
    """
    found: dict[str, str] = {}
    for key, kind in sorted(_types(node)):
        found[key] = _TITLES.get(kind.base_type, "system.Artifact")
        found |= {f"{key}_{extra}": title for extra, title in _DRAWN.get(kind.name, {}).items()}
    return found


def reported(node: pipeline_pb2.PipelineNode) -> list[str]:
    """Return the names of the outputs that have an HTML report, sorted."""
    return sorted(key for key, kind in _types(node) if has_report(kind.name))


def has_report(kind: str) -> bool:
    """Return whether an artifact of this type has an HTML report."""
    return REPORT in _DRAWN.get(kind, {})


def is_resolver(node: pipeline_pb2.PipelineNode) -> bool:
    """Return whether the node picks artifacts of earlier runs."""
    return bool(node.node_info.type.name == _RESOLVER)


def _types(node: pipeline_pb2.PipelineNode) -> Iterator[tuple[str, metadata_store_pb2.ArtifactType]]:
    for key, output in node.outputs.outputs.items():
        yield key, output.artifact_spec.type
    if is_resolver(node) and not node.outputs.outputs:
        for key, spec in node.inputs.inputs.items():
            if not spec.hidden:
                # What a graph of operators finds has no declared type.
                found = spec.channels[0].artifact_query.type if spec.channels else None
                yield key, found or metadata_store_pb2.ArtifactType()
