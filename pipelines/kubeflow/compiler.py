"""Compile any assembled TFX pipeline into a Kubeflow Pipelines spec: one container step per node.

The first YAML document is the PipelineSpec, the second the platform's part, as kfp-kubernetes writes it. The
pipeline's artifacts live under `pipeline_root`, which all steps see, and ML Metadata passes them on; Kubeflow
Pipelines orders the steps and is told about outputs for its UI. Its own cache is off: TFX has one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import version
from typing import Any

import yaml
from tfx.orchestration.pipeline import Pipeline
from tfx.proto.orchestration import executable_spec_pb2, pipeline_pb2

from components.errors import InputError
from components.tfjob.template import VARIABLE as TFJOB
from hparam.executors.manifest import VARIABLE as TRIAL_JOB
from pipelines.kubeflow import ir as tfx_ir
from pipelines.kubeflow import naming
from pipelines.kubeflow.images import resolve_image
from pipelines.kubeflow.limits import check_size
from pipelines.kubeflow.outputs import REPORT, declared_outputs, reported
from pipelines.kubeflow.parameters import (
    OPTIONS,
    PIPELINE_ROOT,
    RERUN_FROM,
    RUN_ID,
    common_parameters,
    declare,
)
from pipelines.kubeflow.platform import Platform, PodSettings
from pipelines.kubeflow.pods import container_resources, executor_config
from pipelines.kubeflow.tfjob import render_tfjob
from pipelines.kubeflow.trial import render_trial

_SCHEMA = "2.1.0"
_COMMAND = ["python", "-m", "pipelines.kubeflow.step"]
# Executors in this module start a TFJob when they are given a template.
_DISTRIBUTED = "components.tfjob."
# Those in this one start Jobs, and TFJobs where training is distributed.
_SWEEPS = "hparam.tuner."
# Runs of one family may be with or without it, on the same platform.
_OPTIONAL = "Tuner"

Spec = dict[str, Any]


@dataclass(frozen=True)
class Compiled:
    """A compiled pipeline.

    Attributes:
        name: The pipeline's name.
        text: Two YAML documents; equal pipelines and platforms give equal bytes.
        steps: Names of the steps in the pipeline's order.
    """

    name: str
    text: str
    steps: tuple[str, ...]


def compile_pipeline(pipeline: Pipeline, platform: Platform, image: str = "") -> Compiled:
    """Return the spec of `pipeline` on `platform`.

    Args:
        pipeline: Assembled; its metadata connection and root are of no account.
        platform: What the cluster gives to the steps.
        image: Another image than the platform's, for all steps that name none.

    Raises:
        InputError: The API server or a pod would refuse the pipeline.
    """
    ir = tfx_ir.to_ir(pipeline)
    name = naming.pipeline_name(ir.pipeline_info.id)
    node_ids = [node.node_info.id for node in tfx_ir.nodes(ir)]
    _check_steps(platform, node_ids)
    tasks = naming.task_names(node_ids)
    steps = [
        _Step(ir, node, tasks, platform, resolve_image(image or platform.image)) for node in tfx_ir.nodes(ir)
    ]
    parameters = common_parameters(platform.pipeline_root(name))
    parameters |= declare(tfx_ir.runtime_parameters(ir), optional=True)
    spec = _pipeline_spec(name, steps, parameters)
    platform_spec = _platform_spec({step.executor: step.pod for step in steps}, platform)
    check_size(spec, platform_spec)
    return Compiled(name, _text(name, spec, platform_spec), tuple(step.task for step in steps))


class _Step:
    """One node on its way to being a task, a component and an executor."""

    def __init__(
        self,
        ir: pipeline_pb2.Pipeline,
        node: pipeline_pb2.PipelineNode,
        tasks: Mapping[str, str],
        platform: Platform,
        image: str,
    ) -> None:
        self.id = node.node_info.id
        self.task = tasks[self.id]
        self.component, self.executor = f"comp-{self.task}", f"exec-{self.task}"
        executor = _executor(ir, self.id)
        self._distributed = executor.startswith(_DISTRIBUTED)
        self._sweeps = executor.startswith(_SWEEPS)
        # A step whose work is done by a TFJob only follows it: it needs no accelerator of its own.
        self.pod: PodSettings = platform.plain() if self._distributed else platform.step(self.id)
        self.parameters = tfx_ir.runtime_parameters(node)
        naming.check_parameter_names(self.parameters, reserved=tuple(OPTIONS))
        self._upstream = [tasks[upstream] for upstream in node.upstream_nodes if upstream in tasks]
        self._node, self._ir, self._platform = node, ir, platform
        self._image = resolve_image(self.pod.image) if self.pod.image else image

    def task_spec(self) -> Spec:
        """Return the task: what it takes, and after which tasks it runs."""
        inputs: Spec = {RUN_ID: {"runtimeValue": {"constant": "{{$.pipeline_job_uuid}}"}}}
        for parameter in (PIPELINE_ROOT, RERUN_FROM, *self.parameters):
            inputs[parameter] = {"componentInputParameter": parameter}
        task: Spec = {
            "taskInfo": {"name": self.id},
            "componentRef": {"name": self.component},
            "cachingOptions": {},
            "inputs": {"parameters": inputs},
        }
        if self._upstream:
            task["dependentTasks"] = sorted(set(self._upstream))
        return task

    def component_spec(self) -> Spec:
        """Return the component: its typed inputs and outputs."""
        inputs = declare(self.parameters, optional=False)
        inputs |= {name: {"parameterType": "STRING"} for name in OPTIONS}
        spec: Spec = {"executorLabel": self.executor, "inputDefinitions": {"parameters": inputs}}
        outputs = declared_outputs(self._node)
        if outputs:
            spec["outputDefinitions"] = {
                "artifacts": {
                    key: {"artifactType": {"schemaTitle": title, "schemaVersion": "0.0.1"}}
                    for key, title in outputs.items()
                }
            }
        return spec

    def container_spec(self) -> Spec:
        """Return the container."""
        env = dict(self.pod.env)
        if self._distributed or self._sweeps:
            env[TFJOB] = render_tfjob(self._platform, self._image)
        if self._sweeps:
            env[TRIAL_JOB] = render_trial(self._platform, self._image)
        spec: Spec = {"image": self._image, "command": list(_COMMAND), "args": self._arguments()}
        if env:
            spec["env"] = [{"name": name, "value": value} for name, value in sorted(env.items())]
        resources = container_resources(self.pod)
        if resources:
            spec["resources"] = resources
        return spec

    def _arguments(self) -> list[str]:
        arguments = ["--node", self.id, "--metadata", self._platform.metadata]
        for name, option in OPTIONS.items():
            arguments += [option, _input(name)]
        for name in sorted(self.parameters):
            arguments += ["--parameter", f"{name}={_input(name)}"]
        for key in reported(self._node):
            output = f"{key}_{REPORT}"
            arguments += ["--html", f"{output}={{{{$.outputs.artifacts['{output}'].path}}}}"]
        packed = tfx_ir.pack(tfx_ir.cut(self._ir, self.id))
        return [*arguments, "--ir", packed, "--executor-input", "{{$}}"]


def _executor(ir: pipeline_pb2.Pipeline, node_id: str) -> str:
    spec = tfx_ir.deployment(ir).executor_specs.get(node_id)
    python = executable_spec_pb2.PythonClassExecutableSpec()
    return str(python.class_path) if spec is not None and spec.Unpack(python) else ""


def _input(name: str) -> str:
    return f"{{{{$.inputs.parameters['{name}']}}}}"


def _check_steps(platform: Platform, node_ids: list[str]) -> None:
    for name in platform.steps:
        if name not in (*node_ids, _OPTIONAL):
            near = get_close_matches(name, node_ids, n=1, cutoff=0.4)
            hint = f"Did you mean `{near[0]}`? " if near else ""
            raise InputError(
                f"The platform has settings for the step `{name}`, which the pipeline has not.",
                source=f"steps.{name}",
                cure=f"{hint}Steps: {', '.join(node_ids)}.",
            )


def _pipeline_spec(name: str, steps: list[_Step], parameters: Spec) -> Spec:
    return {
        "pipelineInfo": {"name": name},
        "schemaVersion": _SCHEMA,
        "sdkVersion": f"kfp-{version('kfp')}",
        "components": {step.component: step.component_spec() for step in steps},
        "deploymentSpec": {
            "executors": {step.executor: {"container": step.container_spec()} for step in steps}
        },
        "root": {
            "dag": {"tasks": {step.task: step.task_spec() for step in steps}},
            "inputDefinitions": {"parameters": parameters},
        },
    }


def _platform_spec(pods: Mapping[str, PodSettings], platform: Platform) -> Spec:
    executors = {executor: executor_config(pod, platform) for executor, pod in pods.items()}
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}}


def _text(name: str, *documents: Spec) -> str:
    # Keys are sorted and lines never folded, so that the bytes depend on nothing but the content.
    bodies = [yaml.safe_dump(document, width=2**31 - 1, allow_unicode=False) for document in documents]
    return f"# Pipeline {name}, written by `lodestar compile`.\n" + "---\n".join(bodies)
