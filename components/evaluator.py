"""The Evaluator node: candidate against baseline and live version on the same split, and the blessing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import tensorflow as tf
from tfx import types
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.orchestration.portable import data_types
from tfx.proto.orchestration import driver_output_pb2
from tfx.types import artifact_utils, component_spec, standard_artifacts
from tfx.utils import io_utils, path_utils

from components import artifact
from components.deployment.store import DEPLOYMENTS, read_deployments
from components.driver import NodeDriver
from components.evaluation import blessing, report
from components.evaluation.scores import EvalData
from components.examples import Examples
from components.family import Family, FamilySettings, find_family
from components.fingerprint import code_fingerprint
from components.tuned import read_chosen, with_chosen

Artifacts = dict[str, list[types.Artifact]]
_UNCOMPARED = {"data", "validation", "search"}


class EvaluatorSpec(component_spec.ComponentSpec):
    """Inputs, outputs and parameters of the Evaluator."""

    PARAMETERS = {
        "family": component_spec.ExecutionParameter(type=str),
        "settings": component_spec.ExecutionParameter(type=str),
        "model_root": component_spec.ExecutionParameter(type=str),
        "code": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "transformed": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "transform_graph": component_spec.ChannelParameter(type=standard_artifacts.TransformGraph),
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "model_run": component_spec.ChannelParameter(type=standard_artifacts.ModelRun),
        "hyperparameters": component_spec.ChannelParameter(
            type=standard_artifacts.HyperParameters, optional=True
        ),
    }
    OUTPUTS = {
        "evaluation": component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation),
        "blessing": component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing),
    }


class LiveVersionDriver(NodeDriver):
    """Make the live version a parameter of the node, so that a cached verdict is re-used only against it.

    Once the candidate itself is live, the version that it was compared with counts: nothing has changed.
    """

    def run(self, execution_info: data_types.ExecutionInfo) -> driver_output_pb2.DriverOutput:
        """Return the exec property `live_version`; 0 when nothing is live."""
        model_root = Path(str(execution_info.exec_properties["model_root"]))
        candidate = artifact_utils.get_single_uri(execution_info.input_dict["model"])
        output = driver_output_pb2.DriverOutput()
        output.exec_properties["live_version"].int_value = _rival(model_root, candidate)
        return output


def _rival(model_root: Path, candidate: str) -> int:
    numbers = artifact.versions(model_root)
    live = _live(model_root, numbers)
    if not live:
        return 0
    about = artifact.provenance(model_root / str(live))
    if about["model_uri"] != candidate:
        return live
    return int(about["compared_with"]) if about["compared_with"] in numbers else 0


def _live(model_root: Path, numbers: list[int]) -> int:
    """Return the version that users get: the deployed stable one, else the newest; 0 when there is none."""
    deployment = read_deployments(model_root.parent / DEPLOYMENTS).get(model_root.name)
    if deployment is not None and deployment.stable in numbers:
        return deployment.stable
    return max(numbers, default=0)


class EvaluatorExecutor(base_executor.BaseExecutor):
    """Score candidate, baseline and live version; write `metrics.json`, the report and the blessing."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Evaluate one candidate."""
        family = find_family(exec_properties["family"])
        uri = {key: artifact_utils.get_single_uri(artifacts) for key, artifacts in input_dict.items()}
        chosen = read_chosen(uri["hyperparameters"]) if "hyperparameters" in uri else {}
        settings = _settings(family, with_chosen(json.loads(exec_properties["settings"]), chosen))
        data = EvalData(Examples(uri["examples"]), Examples(uri["transformed"]), uri["transform_graph"])
        live_version = int(exec_properties["live_version"])
        score = family.load("evaluator")
        candidate = score.evaluate(_load(path_utils.serving_model_path(uri["model"])), data, settings)
        baseline = score.baseline(data, settings)
        live = None
        if live_version:
            version = Path(exec_properties["model_root"]) / str(live_version)
            artifact.verify(version)
            live = score.evaluate(_load(str(version)), data, settings)
        verdict = blessing.judge(settings.evaluate, candidate, baseline, live, settings.serve.index)
        about = {"family": family.name, "live_version": live_version or None, "model_uri": uri["model"]}
        result = blessing.record(settings.evaluate, verdict, candidate, baseline, live, about)
        _write(output_dict, result, uri["model_run"], settings)
        _bless(artifact_utils.get_single_instance(output_dict["blessing"]), verdict, live_version)


class Evaluator(base_component.BaseComponent):
    """Bless a model that is better than its baseline and than the live version."""

    SPEC_CLASS = EvaluatorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(EvaluatorExecutor)
    DRIVER_CLASS = LiveVersionDriver

    def __init__(
        self, family: Family, settings: FamilySettings, model_root: Path, **inputs: types.BaseChannel
    ) -> None:
        spec = EvaluatorSpec(
            family=family.name,
            settings=settings.model_dump_json(exclude=_UNCOMPARED),
            model_root=str(model_root),
            code=code_fingerprint(f"{family.package}.evaluator"),
            evaluation=types.Channel(type=standard_artifacts.ModelEvaluation),
            blessing=types.Channel(type=standard_artifacts.ModelBlessing),
            **inputs,
        )
        super().__init__(spec)


def _settings(family: Family, sections: dict[str, Any]) -> FamilySettings:
    # The evaluator must not depend on where the data came from, so `data` is neither given nor checked.
    kinds: dict[str, Any] = {name: field.annotation for name, field in family.settings.model_fields.items()}
    typed = {name: kinds[name].model_validate(value) for name, value in sections.items()}
    return family.settings.model_construct(**typed)


def _load(model: str) -> Any:
    return tf.saved_model.load(model)


def _write(output_dict: Artifacts, result: dict[str, Any], model_run: str, settings: FamilySettings) -> None:
    evaluation = artifact_utils.get_single_instance(output_dict["evaluation"])
    text = json.dumps(result, indent=2, sort_keys=True)
    io_utils.write_string_file(f"{evaluation.uri}/metrics.json", text + "\n")
    page = report.render(result, report.read_history(model_run), settings.model_dump(exclude=_UNCOMPARED))
    io_utils.write_string_file(f"{evaluation.uri}/report.html", page)
    evaluation.set_string_custom_property("summary", blessing.headline(result))


def _bless(target: types.Artifact, verdict: blessing.Verdict, live_version: int) -> None:
    # The file and the property are TFX's own protocol: stock pushers and resolvers understand them.
    io_utils.write_string_file(f"{target.uri}/{'BLESSED' if verdict.blessed else 'NOT_BLESSED'}", "")
    target.set_int_custom_property("blessed", int(verdict.blessed))
    target.set_int_custom_property("live_version", live_version)
    target.set_string_custom_property("reasons", " ".join(verdict.reasons))
