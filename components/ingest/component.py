"""The first node of every pipeline: raw files to an Examples artifact."""

from __future__ import annotations

import importlib
import json
import math
import posixpath
from typing import Any

import tensorflow as tf
from tfx import types
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_component, base_beam_executor, executor_spec
from tfx.orchestration.portable import data_types
from tfx.proto import example_gen_pb2
from tfx.proto.orchestration import driver_output_pb2
from tfx.types import artifact_utils, component_spec, standard_artifacts

from components.datasets.fetch import resolve
from components.driver import NodeDriver
from components.fingerprint import code_fingerprint
from components.home import Home
from components.ingest.feedback import Feedback, read_feedback, until, write_source
from components.ingest.report import Report, WriteReport, read_report
from components.ingest.storage import fingerprint
from components.ingest.writer import WriteSplit

_EXAMPLES = "examples"
_FILE_FORMAT = "tfrecords_gzip"
_FEEDBACK = "feedback"


class IngestSpec(component_spec.ComponentSpec):
    """Inputs, outputs and parameters of `Ingest`."""

    INPUTS: dict[str, Any] = {}
    OUTPUTS = {_EXAMPLES: component_spec.ChannelParameter(type=standard_artifacts.Examples)}
    PARAMETERS = {
        "reader": component_spec.ExecutionParameter(type=str),
        "data": component_spec.ExecutionParameter(type=str),
        "code": component_spec.ExecutionParameter(type=str),
    }


class IngestDriver(NodeDriver):
    """Adds the fingerprint of the files, and of the feedback, to the node's parameters.

    TFX re-uses a node's outputs when its parameters are the same: with the contents among them, unchanged
    data is not read again and changed data is.
    """

    def run(self, execution_info: data_types.ExecutionInfo) -> driver_output_pb2.DriverOutput:
        """Return the execution's parameters with `fingerprint` and, where there is any, `feedback`.

        Raises:
            InputError: The source or a file is not there.
        """
        properties = execution_info.exec_properties
        data = _data(properties)
        paths = _reader(properties).files(data)
        output = driver_output_pb2.DriverOutput()
        for name in ("reader", "data"):
            output.exec_properties[name].string_value = properties[name]
        output.exec_properties["fingerprint"].string_value = fingerprint(paths, data.source)
        mark = _feedback(properties, data).mark()
        if mark:
            output.exec_properties[_FEEDBACK].string_value = mark
        return output


class IngestExecutor(base_beam_executor.BaseBeamExecutor):
    """Runs the family's `read` and writes its splits."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Write the examples.

        The artifact gets the properties `summary`, one line for people, and `split_counts`, JSON.

        Raises:
            InputError: Something is wrong with the data; nothing is published.
        """
        examples = artifact_utils.get_single_instance(output_dict[_EXAMPLES])
        report, splits = self._run(examples.uri, exec_properties)
        write_source(examples.uri, _source(exec_properties))
        examples.split_names = artifact_utils.encode_split_names(splits)
        examples_utils.set_payload_format(examples, example_gen_pb2.FORMAT_TF_EXAMPLE)
        examples_utils.set_file_format(examples, _FILE_FORMAT)
        examples.set_string_custom_property("summary", report.summary())
        examples.set_string_custom_property("split_counts", json.dumps(report.splits, sort_keys=True))

    def _run(self, uri: str, exec_properties: dict[str, Any]) -> tuple[Report, list[str]]:
        scratch = self._get_tmp_dir()
        tf.io.gfile.makedirs(scratch)
        path = posixpath.join(scratch, "report.json")
        data = _with_feedback(_data(exec_properties), exec_properties, scratch)
        with self._make_beam_pipeline() as pipeline:
            ingested = _reader(exec_properties).read(pipeline, data)
            for split, records in ingested.splits.items():
                folder = posixpath.join(uri, f"Split-{split}")
                _ = records | f"Write[{split}]" >> WriteSplit(folder, posixpath.join(scratch, "shards"))
            _ = pipeline | "Report" >> WriteReport(ingested, path)
        report = read_report(ingested, path)
        report.check(ingested)
        return report, sorted(ingested.splits)


class Ingest(base_beam_component.BaseBeamComponent):
    """Reads a family's raw data.

    Args:
        reader: Import path of the family's folder; its `ingest` module has `files(data)` and `read(pipeline,
            data)`, and its `FAMILY.settings` the class of the `data` section.
        data: JSON of the `data` section. What its `source` means is found out where the node runs, so that
            the pipeline holds no path of the machine that made it.

    Outputs:
        examples: Gzipped TFRecords of tf.train.Example, one folder per split.
    """

    SPEC_CLASS = IngestSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(IngestExecutor)
    DRIVER_CLASS = IngestDriver

    def __init__(self, reader: str, data: str) -> None:
        examples = types.Channel(type=standard_artifacts.Examples)
        code = code_fingerprint(f"{reader}.ingest")
        super().__init__(spec=IngestSpec(reader=reader, data=data, code=code, examples=examples))


def _reader(exec_properties: dict[str, Any]) -> Any:
    return importlib.import_module(f"{exec_properties['reader']}.ingest")


def _data(exec_properties: dict[str, Any]) -> Any:
    family = importlib.import_module(exec_properties["reader"]).FAMILY
    section: Any = family.settings.model_fields["data"].annotation
    data = section.model_validate_json(exec_properties["data"])
    source = resolve(data.source, Home.find().data, family.folder / "sample")
    return data.model_copy(update={"source": source})


def _source(exec_properties: dict[str, Any]) -> str:
    return str(json.loads(exec_properties["data"])["source"])


def _feedback(exec_properties: dict[str, Any], data: Any, until: float = math.inf) -> Feedback:
    if not getattr(data, "feedback", False):
        return Feedback()
    name = importlib.import_module(exec_properties["reader"]).FAMILY.name
    folder = Home.find().feedback / name
    return read_feedback(folder, _source(exec_properties), data.rating_range, until)


def _with_feedback(data: Any, exec_properties: dict[str, Any], scratch: str) -> Any:
    mark = exec_properties.get(_FEEDBACK)
    if not mark:
        return data
    path = posixpath.join(scratch, "feedback.csv")
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(_feedback(exec_properties, data, until(mark)).table())
    return data.with_feedback(path)
