"""Turn a family and its settings into a TFX pipeline; the same one runs on a laptop and on a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from google.protobuf import text_format
from ml_metadata.proto import metadata_store_pb2
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx import types
from tfx.components import StatisticsGen
from tfx.dsl.components.base import base_component
from tfx.orchestration.pipeline import Pipeline

from components.errors import InputError
from components.evaluator import Evaluator
from components.family import Family, FamilySettings
from components.ingest.component import Ingest
from components.pusher import Pusher
from components.trainer import trainer_node
from components.transform import transform_node
from components.validation import CuratedSchema, StrictExampleValidator
from hparam.plan import SweepStep
from hparam.tuner import Tuner


def assemble(
    family: Family,
    settings: FamilySettings,
    pipeline_root: str,
    model_root: Path,
    metadata: metadata_store_pb2.ConnectionConfig | None = None,
    beam_args: Sequence[str] = (),
    sweep: SweepStep | None = None,
) -> Pipeline:
    """Return the pipeline `family.name`.

    Args:
        family: Which model.
        settings: Validated settings; a setting reaches only the nodes that depend on it.
        pipeline_root: Folder or URI for artifacts.
        model_root: Where the pusher puts versions: `<serving root>/<family name>`.
        metadata: ML Metadata connection; None when the runner brings its own.
        beam_args: Options of the Beam runner for the data nodes.
        sweep: Search before training, and train with the best settings; None: train with `settings`.

    Raises:
        InputError: The schema file cannot be read or parsed, or the sweep does not fit the family.
    """
    data = _data(family, settings)
    nodes = [*data.nodes, *_model_nodes(family, settings, model_root, data, sweep)]
    return _pipeline(family, pipeline_root, nodes, metadata, beam_args)


def assemble_data(
    family: Family,
    settings: FamilySettings,
    pipeline_root: str,
    metadata: metadata_store_pb2.ConnectionConfig | None = None,
    beam_args: Sequence[str] = (),
) -> Pipeline:
    """Return the pipeline up to Transform; what it makes is re-used by the whole one, and the other way.

    The arguments are those of `assemble`.

    Raises:
        InputError: The schema file cannot be read or parsed.
    """
    nodes = _data(family, settings).nodes
    return _pipeline(family, pipeline_root, nodes, metadata, beam_args)


def _pipeline(
    family: Family,
    pipeline_root: str,
    nodes: Sequence[base_component.BaseComponent],
    metadata: metadata_store_pb2.ConnectionConfig | None,
    beam_args: Sequence[str],
) -> Pipeline:
    return Pipeline(
        pipeline_name=family.name,
        pipeline_root=pipeline_root,
        components=list(nodes),
        enable_cache=True,
        metadata_connection_config=metadata,
        beam_pipeline_args=list(beam_args),
    )


@dataclass(frozen=True)
class _Data:
    """The nodes up to Transform and what the others read of them."""

    nodes: Sequence[base_component.BaseComponent]
    examples: types.BaseChannel
    transformed: types.BaseChannel
    graph: types.BaseChannel


def _data(family: Family, settings: FamilySettings) -> _Data:
    ingest = Ingest(family.package, settings.data.model_dump_json())
    examples = ingest.outputs["examples"]
    statistics = StatisticsGen(examples=examples)
    schema = CuratedSchema(_schema_text(family, settings)).with_id("Schema")
    validator = StrictExampleValidator(
        statistics=statistics.outputs["statistics"], schema=schema.outputs["schema"]
    ).with_id("ExampleValidator")
    transform = transform_node(family, settings, examples, schema.outputs["schema"])
    transform.add_upstream_node(validator)
    nodes = (ingest, statistics, schema, validator, transform)
    return _Data(
        nodes, examples, transform.outputs["transformed_examples"], transform.outputs["transform_graph"]
    )


def _model_nodes(
    family: Family, settings: FamilySettings, model_root: Path, data: _Data, sweep: SweepStep | None
) -> list[base_component.BaseComponent]:
    tuner = Tuner(family, settings, sweep, data.transformed, data.graph) if sweep else None
    best = {"hyperparameters": tuner.outputs["best_hyperparameters"]} if tuner else {}
    trainer = trainer_node(family, settings, data.transformed, data.graph, **best)
    evaluator = Evaluator(
        family,
        settings,
        model_root,
        examples=data.examples,
        transformed=data.transformed,
        transform_graph=data.graph,
        model=trainer.outputs["model"],
        model_run=trainer.outputs["model_run"],
        **best,
    )
    pusher = Pusher(
        family,
        model_root,
        examples=data.examples,
        model=trainer.outputs["model"],
        blessing=evaluator.outputs["blessing"],
        evaluation=evaluator.outputs["evaluation"],
    )
    return [*([tuner] if tuner else []), trainer, evaluator, pusher]


def _schema_text(family: Family, settings: FamilySettings) -> str:
    given = settings.validation.schema_file
    path = Path(given) if given else family.folder / "schema.pbtxt"
    try:
        text = path.read_text(encoding="utf-8")
        text_format.Parse(text, schema_pb2.Schema())
    except OSError as error:
        raise InputError(
            f"Cannot read the schema: {error.strerror}.",
            source=str(path),
            cure="Check validation.schema_file.",
        ) from None
    except text_format.ParseError as error:
        raise InputError(
            f"This is not a schema: {error}.", source=str(path), line=error.GetLine(), cure="Mend this line."
        ) from None
    return text
