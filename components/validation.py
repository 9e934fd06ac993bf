"""The schema and the validator: data that does not fit the schema stops the run.

TFX's own ExampleValidator only records anomalies and lets the run go on; here the run ends with a message
that names each feature, what the schema expects and what was seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2
from tfx import types
from tfx.components import ExampleValidator
from tfx.components.example_validator import executor as stock
from tfx.components.statistics_gen import stats_artifact_utils
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.types import artifact_utils, component_spec, standard_artifacts
from tfx.utils import io_utils, writer_utils

from components.errors import InputError

Artifacts = dict[str, list[types.Artifact]]


class _SchemaSpec(component_spec.ComponentSpec):
    PARAMETERS = {"text": component_spec.ExecutionParameter(type=str)}
    INPUTS: dict[str, Any] = {}
    OUTPUTS = {"schema": component_spec.ChannelParameter(type=standard_artifacts.Schema)}


class SchemaExecutor(base_executor.BaseExecutor):
    """Write the schema that the node was given as text."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Write `schema.pbtxt`."""
        schema = text_format.Parse(exec_properties["text"], schema_pb2.Schema())
        artifact = artifact_utils.get_single_instance(output_dict["schema"])
        io_utils.write_pbtxt_file(f"{artifact.uri}/schema.pbtxt", schema)
        artifact.set_string_custom_property("summary", f"{len(schema.feature)} features, curated")


class CuratedSchema(base_component.BaseComponent):
    """Put a curated schema into the pipeline.

    The schema's text is the node's parameter: a changed schema re-runs what depends on it, and a pod needs
    no file.
    """

    SPEC_CLASS = _SchemaSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(SchemaExecutor)

    def __init__(self, text: str) -> None:
        super().__init__(_SchemaSpec(text=text, schema=types.Channel(type=standard_artifacts.Schema)))


class StrictExecutor(base_executor.BaseExecutor):
    """Validate every split, in the schema environment of its own name where the schema has one."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Write the anomalies of each split.

        Raises:
            InputError: There is an anomaly; the message lists all.
        """
        statistics = artifact_utils.get_single_instance(input_dict["statistics"])
        anomalies = artifact_utils.get_single_instance(output_dict["anomalies"])
        folder = artifact_utils.get_single_uri(input_dict["schema"])
        schema = io_utils.SchemaReader().read(io_utils.get_only_uri_in_dir(folder))
        splits = artifact_utils.decode_split_names(statistics.split_names)
        anomalies.split_names = artifact_utils.encode_split_names(splits)
        problems = []
        for split in splits:
            stats = stats_artifact_utils.load_statistics(statistics, split).proto()
            if stats.datasets[0].num_examples == 0:
                continue  # An absent table or an unused split says nothing about its features.
            found = tfdv.validate_statistics(stats, schema, environment=_environment(schema, split))
            path = f"{artifact_utils.get_split_uri([anomalies], split)}/{stock.DEFAULT_FILE_NAME}"
            writer_utils.write_anomalies(path, found)
            problems += [f"split `{split}`, {problem}" for problem in _problems(found, schema)]
        if problems:
            raise InputError(
                f"The data does not fit the schema: {len(problems)} anomalies.",
                cure="\n  ".join(
                    [*problems, "Mend the data, or name another schema: --set validation.schema_file=FILE."]
                ),
            )
        anomalies.set_string_custom_property("summary", f"no anomalies in {len(splits)} splits")


class StrictExampleValidator(ExampleValidator):
    """ExampleValidator that stops the run on an anomaly."""

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(StrictExecutor)


def _environment(schema: schema_pb2.Schema, split: str) -> str | None:
    # A schema that does not know the split as an environment holds for every split alike.
    named = (
        env for feature in schema.feature for env in (*feature.in_environment, *feature.not_in_environment)
    )
    return split if split in {*schema.default_environment, *named} else None


def _problems(found: anomalies_pb2.Anomalies, schema: schema_pb2.Schema) -> Iterator[str]:
    features = {feature.name: feature for feature in schema.feature}
    for reason in found.dataset_anomaly_info.reason:
        yield f"the whole split: {_sentence(reason.description)}"
    for name, info in sorted(found.anomaly_info.items()):
        seen = " ".join(_sentence(reason.description) for reason in info.reason)
        expected = _expectation(features[name]) if name in features else "no such feature"
        yield f"feature `{name}`: expected {expected}; seen: {seen}"


def _expectation(feature: schema_pb2.Feature) -> str:
    words = [schema_pb2.FeatureType.Name(feature.type)]
    if feature.presence.min_fraction:
        words.append(f"in at least {feature.presence.min_fraction:.0%} of the records")
    if feature.HasField("value_count"):
        low, high = feature.value_count.min, feature.value_count.max
        words.append(f"with {low}{f' to {high}' if high != low else ''} values")
    for kind in ("int_domain", "float_domain"):
        domain = getattr(feature, kind)
        if domain.HasField("min") or domain.HasField("max"):
            low = f"{domain.min:g}" if domain.HasField("min") else "any"
            high = f"{domain.max:g}" if domain.HasField("max") else "any"
            words.append(f"from {low} to {high}")
    if feature.HasField("string_domain"):
        words.append(f"one of {', '.join(feature.string_domain.value)}")
    return " ".join(words)


def _sentence(text: str) -> str:
    return text.rstrip(" .") + "."
