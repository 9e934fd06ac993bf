"""Pod settings in the terms of Kubeflow Pipelines: resources of a container, configuration of an executor."""

from __future__ import annotations

from typing import Any

from pipelines.kubeflow.platform import Platform, PodSettings
from pipelines.kubeflow.quantity import parse_quantity


def container_resources(pod: PodSettings) -> dict[str, Any]:
    """Return the `resources` of a container in a PipelineSpec.

    Amounts are numbers (cores, GB): servers before and after 2.13 read them, and so does every SDK, while the
    newer text fields are unknown to the SDK that this project is bound to.
    """
    found: dict[str, Any] = {}
    for key, value in (("cpuRequest", pod.cpu), ("cpuLimit", pod.cpu_limit)):
        if value:
            found[key] = float(parse_quantity(value))
    for key, value in (("memoryRequest", pod.memory), ("memoryLimit", pod.memory_limit)):
        if value:
            found[key] = float(parse_quantity(value) / 10**9)
    if pod.accelerator:
        found["accelerator"] = {"type": pod.accelerator.resource, "count": str(pod.accelerator.count)}
    return found


def executor_config(pod: PodSettings, platform: Platform) -> dict[str, Any]:
    """Return a KubernetesExecutorConfig as JSON: volumes, scheduling, labels and user of a pod."""
    config: dict[str, Any] = {
        "imagePullPolicy": "IfNotPresent",
        # JSON of protocol buffers writes 64-bit integers as text.
        "securityContext": {
            "runAsUser": str(platform.run_as.user),
            "runAsGroup": str(platform.run_as.group),
            "runAsNonRoot": True,
        },
    }
    if platform.volumes:
        config["pvcMount"] = [_mount(volume.claim, volume.mount) for volume in platform.volumes]
    if platform.labels:
        config["podMetadata"] = {"labels": dict(platform.labels)}
    if pod.node_selector:
        config["nodeSelector"] = {"labels": dict(pod.node_selector)}
    if pod.tolerations:
        config["tolerations"] = [
            toleration.model_dump(exclude_defaults=True) for toleration in pod.tolerations
        ]
    return config


def _mount(claim: str, path: str) -> dict[str, Any]:
    # kfp-kubernetes writes the claim in both forms too: old servers know only the first.
    return {
        "mountPath": path,
        "constant": claim,
        "pvcNameParameter": {"runtimeValue": {"constant": claim}},
    }
