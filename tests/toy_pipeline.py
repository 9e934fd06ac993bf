"""A pipeline of every kind of node: importer, resolver, condition, runtime parameters, explicit order."""

# No `from __future__ import annotations`: TFX reads the annotations of components as they are.
import sys
from pathlib import Path
from typing import TypedDict

from tfx import v1 as tfx
from tfx.dsl.component.experimental.annotations import OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.input_resolution.strategies.latest_artifact_strategy import LatestArtifactStrategy
from tfx.orchestration.data_types import RuntimeParameter
from tfx.types import Channel, standard_artifacts

from pipelines.kubeflow.compiler import compile_pipeline
from pipelines.kubeflow.platform import load_platform


class Total(TypedDict):
    """What `Count` returns."""

    total: int


@component
def Count(
    model: OutputArtifact[standard_artifacts.Model],
    word: Parameter[str],
    times: Parameter[int],
    rate: Parameter[float],
) -> Total:
    """Write what it was given, and return `times`."""
    Path(model.uri).mkdir(parents=True, exist_ok=True)
    Path(model.uri, "given.txt").write_text(f"{word!r} {times!r} {rate!r}")
    return {"total": times}


@component
def Note(text: Parameter[str], note: OutputArtifact[standard_artifacts.ModelRun]) -> None:
    """Write a text."""
    Path(note.uri).mkdir(parents=True, exist_ok=True)
    Path(note.uri, "note.txt").write_text(text)


def pipeline(schema: str) -> tfx.dsl.Pipeline:
    """Return the pipeline; `schema` is the folder that its importer registers."""
    importer = tfx.dsl.Importer(source_uri=schema, artifact_type=standard_artifacts.Schema).with_id(
        "TheSchema"
    )
    count = Count(
        word=RuntimeParameter("word", str),
        times=RuntimeParameter("times", int, 3),
        rate=RuntimeParameter("rate", float, 0.5),
    ).with_id("Count")
    count.add_upstream_node(importer)
    earlier = tfx.dsl.Resolver(
        strategy_class=LatestArtifactStrategy, model=Channel(type=standard_artifacts.Model)
    ).with_id("earlier_model")
    earlier.add_upstream_node(count)
    with tfx.dsl.Cond(count.outputs["total"].future()[0].value > 5):
        big = Note(text="big").with_id("Big")
    last = Note(text="last").with_id("Last")
    last.add_upstream_nodes([earlier, big])
    return tfx.dsl.Pipeline(
        "Toy pipeline", "unused", components=[importer, count, earlier, big, last], enable_cache=True
    )


def write(overlay: str, schema: str, target: str) -> None:
    """Write the spec of the pipeline."""
    Path(target).write_text(compile_pipeline(pipeline(schema), load_platform(overlay)).text)


if __name__ == "__main__":
    # Steps import the components by this module's real name.
    import toy_pipeline

    toy_pipeline.write(*sys.argv[1:])
