"""Read a compiled spec as Kubeflow Pipelines does: order, placeholders, container and pod of every step.

What the driver and the launcher of Kubeflow Pipelines 2.17 make of a PipelineSpec and its platform part, for
specs whose steps pass nothing to each other: constants, pipeline parameters, the run's id, output artifacts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import Any

import yaml

BUCKET = "minio://mlpipeline/v2/artifacts"
_RUN_ID = "{{$.pipeline_job_uuid}}"


@dataclass(frozen=True)
class Run:
    """One run of a spec.

    Attributes:
        run_id: A UUID in the cluster.
        parameters: Values that differ from the defaults.
        scratch: Where the launcher keeps local copies of the bucket's artifacts.
        output_file: Where a step reports its outputs.
    """

    run_id: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    scratch: str = "/minio"
    output_file: str = "/tmp/kfp_outputs/output_metadata.json"


@dataclass(frozen=True)
class Step:
    """One task of the spec with its component and executor."""

    key: str
    task: Mapping[str, Any]
    component: Mapping[str, Any]
    container: Mapping[str, Any]
    config: Mapping[str, Any]

    @property
    def node(self) -> str:
        return self.task["taskInfo"]["name"]

    @property
    def env(self) -> dict[str, str]:
        return {variable["name"]: variable["value"] for variable in self.container.get("env", [])}

    @property
    def after(self) -> set[str]:
        return set(self.task.get("dependentTasks", []))

    @property
    def outputs(self) -> Mapping[str, Any]:
        return self.component.get("outputDefinitions", {}).get("artifacts", {})


class CompiledSpec:
    """The two documents of a compiled pipeline."""

    def __init__(self, text: str) -> None:
        self.spec, self.platform = yaml.safe_load_all(text)
        self.name = self.spec["pipelineInfo"]["name"]
        executors = self.spec["deploymentSpec"]["executors"]
        configs = self.platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
        self.steps: dict[str, Step] = {}
        tasks = self.spec["root"]["dag"]["tasks"]
        order = TopologicalSorter(
            {key: sorted(tasks[key].get("dependentTasks", [])) for key in sorted(tasks)}
        )
        for key in order.static_order():
            component = self.spec["components"][tasks[key]["componentRef"]["name"]]
            label = component["executorLabel"]
            self.steps[key] = Step(
                key, tasks[key], component, executors[label]["container"], configs.get(label, {})
            )

    def parameters(self, run: Run) -> dict[str, Any]:
        """Return the pipeline's parameters: defaults, then the run's; a missing one is an error as there."""
        declared = self.spec["root"].get("inputDefinitions", {}).get("parameters", {})
        unknown = set(run.parameters) - set(declared)
        assert not unknown, f"the API server refuses unknown parameters: {unknown}"
        values = {name: one["defaultValue"] for name, one in declared.items() if "defaultValue" in one}
        values |= run.parameters
        missing = {name for name, one in declared.items() if not one.get("isOptional")} - set(values)
        assert not missing, f"the API server wants values for {missing}"
        return values

    def executor_input(self, step: Step, run: Run) -> dict[str, Any]:
        """Return what the driver gives to the launcher."""
        values = self.parameters(run)
        inputs = {}
        for name, source in step.task.get("inputs", {}).get("parameters", {}).items():
            if "componentInputParameter" in source:
                inputs[name] = values[source["componentInputParameter"]]
            else:
                inputs[name] = source["runtimeValue"]["constant"].replace(_RUN_ID, run.run_id)
        assert set(inputs) == set(step.component["inputDefinitions"]["parameters"])
        folder = f"{BUCKET}/{self.name}/{run.run_id}/{step.key}"
        artifacts = {
            key: {
                "artifacts": [
                    {"name": key, "type": dict(one["artifactType"]), "uri": f"{folder}/{key}", "metadata": {}}
                ]
            }
            for key, one in step.outputs.items()
        }
        return {
            "inputs": {"parameterValues": inputs},
            "outputs": {"artifacts": artifacts, "outputFile": run.output_file},
        }

    def command(self, step: Step, run: Run) -> list[str]:
        """Return the command with every placeholder filled in as the launcher does."""
        executor_input = self.executor_input(step, run)
        values = {"{{$}}": json.dumps(executor_input)}
        for name, value in executor_input["inputs"]["parameterValues"].items():
            values[f"{{{{$.inputs.parameters['{name}']}}}}"] = _text(value)
        for key, one in executor_input["outputs"]["artifacts"].items():
            uri = one["artifacts"][0]["uri"]
            values[f"{{{{$.outputs.artifacts['{key}'].uri}}}}"] = uri
            values[f"{{{{$.outputs.artifacts['{key}'].path}}}}"] = local_path(uri, run)
        return [_filled(text, values) for text in (*step.container["command"], *step.container["args"])]

    def pod(self, step: Step, run: Run, namespace: str, service_account: str, name: str) -> dict[str, Any]:
        """Return the pod of a step without Kubeflow's launcher around its command."""
        config = step.config
        assert config["imagePullPolicy"] == "IfNotPresent"
        mounts = [
            (f"volume-{number}", mount["pvcNameParameter"]["runtimeValue"]["constant"], mount["mountPath"])
            for number, mount in enumerate(config.get("pvcMount", []))
        ]
        container = {
            "name": "main",
            "image": step.container["image"],
            "imagePullPolicy": config["imagePullPolicy"],
            "command": self.command(step, run),
            "env": [{"name": key, "value": value} for key, value in step.env.items()],
            "resources": _resources(step.container.get("resources", {})),
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": True,
                "runAsNonRoot": config["securityContext"]["runAsNonRoot"],
                "runAsUser": int(config["securityContext"]["runAsUser"]),
                "runAsGroup": int(config["securityContext"]["runAsGroup"]),
            },
            "volumeMounts": [
                {"name": "tmp", "mountPath": "/tmp"},
                {"name": "scratch", "mountPath": run.scratch},
                *({"name": volume, "mountPath": path} for volume, _, path in mounts),
            ],
        }
        volumes = [{"name": volume, "emptyDir": {}} for volume in ("tmp", "scratch")]
        volumes += [{"name": v, "persistentVolumeClaim": {"claimName": claim}} for v, claim, _ in mounts]
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": name,
                "namespace": namespace,
                "labels": dict(config.get("podMetadata", {}).get("labels", {})),
            },
            "spec": {
                "restartPolicy": "Never",
                "serviceAccountName": service_account,
                "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
                "nodeSelector": dict(config.get("nodeSelector", {}).get("labels", {})),
                "tolerations": list(config.get("tolerations", [])),
                "containers": [container],
                "volumes": volumes,
            },
        }


def local_path(uri: str, run: Run) -> str:
    """Return where the launcher has the local copy of an artifact of its bucket."""
    assert uri.startswith("minio://"), uri
    return f"{run.scratch}/{uri.removeprefix('minio://')}"


def _filled(text: str, values: Mapping[str, str]) -> str:
    for placeholder, value in values.items():
        text = text.replace(placeholder, value)
    assert not re.search(r"\{\{\$", text), f"the launcher knows no placeholder of {text!r}"
    return text


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    # Numbers are doubles there: 5 stays `5`, and 1e-3 is written out.
    return str(int(value)) if float(value).is_integer() else f"{float(value):.17f}".rstrip("0")


def _resources(spec: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    limits: dict[str, str] = {}
    requests: dict[str, str] = {}
    for found, kind in ((requests, "Request"), (limits, "Limit")):
        if f"cpu{kind}" in spec:
            found["cpu"] = str(spec[f"cpu{kind}"])
        if f"memory{kind}" in spec:
            found["memory"] = f"{spec[f'memory{kind}']}G"
    if "accelerator" in spec:
        limits[spec["accelerator"]["type"]] = spec["accelerator"]["count"]
    return {"requests": requests, "limits": limits}
