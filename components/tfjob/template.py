"""A TFJob from the template in the environment and one training's request."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from components.distributed.cluster import CHIEF, PS, WORKER
from components.distributed.request import Request
from components.errors import InputError

VARIABLE = "LODESTAR_TFJOB"
CONTAINER = "tensorflow"
KINDS = {CHIEF: "Chief", WORKER: "Worker", PS: "PS"}


def render(
    template: str,
    name: str,
    counts: Mapping[str, int],
    request: Request,
    owner: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the TFJob to create.

    Args:
        template: JSON of a TFJob; its pods are kept as they are but for what follows.
        name: The job's name, a DNS label.
        counts: Role -> number of replicas; roles without any are left out.
        request: What every replica is told to train, and after how much silence it is killed.
        owner: Owner reference: the job is removed with this object.

    Raises:
        InputError: The template is not a TFJob with a container `tensorflow` for each role.
    """
    try:
        job = json.loads(template)
        metadata = job.setdefault("metadata", {})
        specs = job["spec"]["tfReplicaSpecs"]
        replicas = {role: deepcopy(specs[KINDS[role]]) for role in counts}
        for role, replica in replicas.items():
            _complete(replica, role, counts[role], request)
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration) as error:
        raise InputError(
            f"This is not a TFJob whose replicas have a container `{CONTAINER}`: {error!r}.",
            source=VARIABLE,
            cure="Compile the pipeline again; manifests/base/training/tfjob.yaml is where it comes from.",
        ) from None
    metadata["name"] = name
    if owner:
        metadata["ownerReferences"] = [dict(owner)]
    job["spec"]["tfReplicaSpecs"] = {KINDS[role]: replica for role, replica in replicas.items()}
    return dict(job)


def job_name(pipeline: str, digest: str) -> str:
    """Return a name that is a DNS label with room for `-worker-999`; it begins with a letter."""
    readable = re.sub(r"[^a-z0-9]+", "-", pipeline.lower()).strip("-")[:30].strip("-")
    prefix = readable if readable[:1].isalpha() else f"t-{readable}".rstrip("-")
    return f"{prefix}-{digest[:10]}"


def _complete(replica: dict[str, Any], role: str, count: int, request: Request) -> None:
    replica["replicas"] = count
    containers = replica["template"]["spec"]["containers"]
    container = next(one for one in containers if one["name"] == CONTAINER)
    container["args"] = [request.path]
    probe = container.get("livenessProbe", {}).get("exec")
    if probe:
        # The name of a replica is its host name's end, and the file is named by it.
        limit = str(request.compute.step_timeout_seconds)
        probe["command"] = [*probe["command"], str(request.signs), role, limit]
