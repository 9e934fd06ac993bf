"""The Pusher node: a blessed model becomes the next version under the serving root.

TFX's own Pusher names versions by the second and skips a collision silently; this one counts, writes aside
and renames, so that a server never sees half a model.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ml_metadata import errors as mlmd_errors
from tfx import types
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.orchestration.portable import data_types
from tfx.proto.orchestration import driver_output_pb2
from tfx.types import artifact_utils, component_spec, standard_artifacts
from tfx.utils import io_utils, path_utils

from components import artifact
from components.driver import NodeDriver
from components.family import Family

Artifacts = dict[str, list[types.Artifact]]
_PUSHED = "pushed_destination"
_MODEL = "model_uri"


class PusherSpec(component_spec.ComponentSpec):
    """Inputs, outputs and parameters of the Pusher."""

    PARAMETERS = {
        "family": component_spec.ExecutionParameter(type=str),
        "model_root": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "blessing": component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing),
        "evaluation": component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation),
    }
    OUTPUTS = {"pushed_model": component_spec.ChannelParameter(type=standard_artifacts.PushedModel)}


class LostVersionsDriver(NodeDriver):
    """Push again a model whose pushed folder is gone: a cached push would leave nothing to serve."""

    def run(self, execution_info: data_types.ExecutionInfo) -> driver_output_pb2.DriverOutput:
        """Return the exec property `lost`: destinations that this model was pushed to and that are gone."""
        model = artifact_utils.get_single_uri(execution_info.input_dict["model"])
        output = driver_output_pb2.DriverOutput()
        output.exec_properties["lost"].string_value = ",".join(sorted(self._lost(model)))
        return output

    def _lost(self, model: str) -> set[str]:
        with self._mlmd_connection as metadata:
            try:
                pushed = metadata.store.get_artifacts_by_type(standard_artifacts.PushedModel.TYPE_NAME)
            except mlmd_errors.NotFoundError:
                return set()
        mine = (push.custom_properties for push in pushed)
        places = {p[_PUSHED].string_value for p in mine if _MODEL in p and p[_MODEL].string_value == model}
        return {place for place in places if place and not Path(place).is_dir()}


class PusherExecutor(base_executor.BaseExecutor):
    """Publish the model when it is blessed."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Publish, or say why not."""
        model = artifact_utils.get_single_instance(input_dict["model"])
        verdict = artifact_utils.get_single_instance(input_dict["blessing"])
        pushed = artifact_utils.get_single_instance(output_dict["pushed_model"])
        pushed.set_string_custom_property(_MODEL, model.uri)
        if verdict.get_int_custom_property("blessed") != 1:
            pushed.set_int_custom_property("pushed", 0)
            _say(pushed, f"not pushed: {verdict.get_string_custom_property('reasons')}")
            return
        about = {
            "family": exec_properties["family"],
            "model_uri": model.uri,
            "examples_uri": artifact_utils.get_single_uri(input_dict["examples"]),
            "evaluation_uri": artifact_utils.get_single_uri(input_dict["evaluation"]),
            "compared_with": verdict.get_int_custom_property("live_version"),
            "run_id": self._context.pipeline_run_id if self._context else None,
        }
        source = path_utils.serving_model_path(model.uri)
        version = _publish(source, Path(exec_properties["model_root"]), about)
        pushed.set_int_custom_property("pushed", 1)
        pushed.set_string_custom_property(_PUSHED, str(version))
        pushed.set_string_custom_property("pushed_version", version.name)
        _say(pushed, f"version {version.name}: {version}")


def _say(pushed: types.Artifact, summary: str) -> None:
    pushed.set_string_custom_property("summary", summary)
    # An object store has no empty folders, and TFX re-uses only outputs that are there.
    io_utils.write_string_file(f"{pushed.uri}/summary.txt", summary + "\n")


def _publish(source: str, model_root: Path, about: dict[str, Any]) -> Path:
    numbers = artifact.versions(model_root)
    newest = model_root / str(numbers[-1]) if numbers else None
    if newest is not None and artifact.provenance(newest)[_MODEL] == about[_MODEL]:
        return newest
    # Imported here: the driver and the pipeline's definition need no TensorFlow.
    from components.serving import operations

    return artifact.publish(
        source, model_root, about, check=lambda folder: operations.check(folder, shown_as=source)
    )


class Pusher(base_component.BaseComponent):
    """Publish a blessed model under `<serving root>/<family>/<version>`."""

    SPEC_CLASS = PusherSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(PusherExecutor)
    DRIVER_CLASS = LostVersionsDriver

    def __init__(self, family: Family, model_root: Path, **inputs: types.BaseChannel) -> None:
        super().__init__(
            PusherSpec(
                family=family.name,
                model_root=str(model_root),
                pushed_model=types.Channel(type=standard_artifacts.PushedModel),
                **inputs,
            )
        )
