"""The TFJob that a distributed trainer starts, rendered from its template for one platform."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from components.errors import InputError
from components.tfjob.template import CONTAINER
from pipelines.kubeflow.images import resolve_image
from pipelines.kubeflow.manifest import read_manifest
from pipelines.kubeflow.platform import MANIFESTS, Platform, PodSettings, Training

_TEMPLATE = MANIFESTS / "base" / "training" / "tfjob.yaml"


def render_tfjob(platform: Platform, image: str, template: Path = _TEMPLATE) -> str:
    """Return the TFJob as JSON; how many replicas there are is decided when it is started.

    Raises:
        InputError: The template cannot be read, or is not a TFJob with a container `tensorflow`.
    """
    job = read_template(template, "the template of TFJobs")
    try:
        replicas = job["spec"]["tfReplicaSpecs"]
        for kind, replica in replicas.items():
            name = kind.lower()
            pod = getattr(platform.training, name if name in Training.model_fields else "worker")
            complete_pod(replica["template"], CONTAINER, platform, pod, image)
    except (KeyError, TypeError, StopIteration):
        raise InputError(
            "This is not a TFJob whose replicas have a container `tensorflow`.",
            source=str(template),
            cure="Compare it with the template of the repository.",
        ) from None
    return json.dumps(job, sort_keys=True, separators=(",", ":"))


def pod_resources(pod: PodSettings) -> dict[str, dict[str, str]]:
    """Return the `resources` of a container; devices are limits, and so requests."""
    devices = {pod.accelerator.resource: str(pod.accelerator.count)} if pod.accelerator else {}
    requests = {"cpu": pod.cpu, "memory": pod.memory}
    limits = {"cpu": pod.cpu_limit, "memory": pod.memory_limit, **devices}
    return {
        "requests": {name: value for name, value in requests.items() if value},
        "limits": {name: value for name, value in limits.items() if value},
    }


def read_template(template: Path, what: str) -> Any:
    """Return the content of a template.

    Raises:
        InputError: It cannot be read; `what` says what it is.
    """
    content = read_manifest(template, what, "Run from a checkout of the project.")
    # Through JSON, so that what an alias shares in the YAML is copied.
    return json.loads(json.dumps(content))


def complete_pod(
    template: dict[str, Any], name: str, platform: Platform, pod: PodSettings, image: str
) -> None:
    """Add what the platform gives to the template of a pod.

    Args:
        template: Changed in place.
        name: The container that does the work.
        platform: The cluster.
        pod: What this kind of pod gets.
        image: The image, unless `pod` has its own.

    Raises:
        StopIteration: There is no such container.
    """
    spec = template["spec"]
    container = next(one for one in spec["containers"] if one["name"] == name)
    container["image"] = resolve_image(pod.image) if pod.image else image
    container["resources"] = pod_resources(pod)
    env = {**platform.env, **pod.env}
    own = {variable["name"] for variable in container.get("env", [])}
    container["env"] = container.get("env", []) + [
        {"name": name, "value": value} for name, value in sorted(env.items()) if name not in own
    ]
    container["volumeMounts"] = container.get("volumeMounts", []) + [
        {"name": f"volume-{number}", "mountPath": volume.mount}
        for number, volume in enumerate(platform.volumes)
    ]
    spec["volumes"] = spec.get("volumes", []) + [
        {"name": f"volume-{number}", "persistentVolumeClaim": {"claimName": volume.claim}}
        for number, volume in enumerate(platform.volumes)
    ]
    if pod.node_selector:
        spec["nodeSelector"] = dict(pod.node_selector)
    if pod.tolerations:
        spec["tolerations"] = [toleration.model_dump(exclude_defaults=True) for toleration in pod.tolerations]
    metadata = template.setdefault("metadata", {})
    # The template's own labels say more than the platform's.
    metadata["labels"] = {**platform.labels, **metadata.get("labels", {})}
