"""The Job, or the TFJob, of one run: a template of the platform, a request, and nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.distributed.cluster import replica_counts
from components.errors import InputError
from components.family import ComputeSettings
from components.tfjob.template import render as render_tfjob
from hparam.request import TrialRequest
from hparam.training import distributed_request

VARIABLE = "LODESTAR_TRIAL_JOB"
CONTAINER = "trial"
SWEEP_LABEL = "lodestar.dev/sweep"
REQUEST_HASH = "lodestar.dev/request-hash"


def job_of(template: str, name: str, sweep: str, folder: Path, owner: Mapping[str, Any] | None) -> Any:
    """Return the Job of a run.

    Args:
        template: JSON of a Job with a container `trial`; what is not set here is kept.
        name: The Job's name.
        sweep: What the run is of.
        folder: The run's folder; it has its request.
        owner: Owner reference: the Job is removed with this object.

    Raises:
        InputError: The template is not a Job with a container `trial`.
    """
    try:
        job = json.loads(template)
        pod = job["spec"]["template"]
        container = next(one for one in pod["spec"]["containers"] if one["name"] == CONTAINER)
        container["args"] = [str(folder / "request.json")]
        _mark(pod, sweep, folder)
        _mark(job, sweep, folder)
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration) as error:
        raise InputError(
            f"This is not a Job with a container `{CONTAINER}`: {error!r}.",
            source=VARIABLE,
            cure="Compile the pipeline again; manifests/base/sweep/trial.yaml is where it comes from.",
        ) from None
    return _named(job, name, owner)


def tfjob_of(template: str, name: str, sweep: str, folder: Path, owner: Mapping[str, Any] | None) -> Any:
    """Return the TFJob of a run that is distributed, and write what its replicas are told.

    A replica that ends is not started again: the sweep starts the whole run again, and counts how often.

    Raises:
        InputError: The template is not a TFJob with a container `tensorflow` for each role.
    """
    request = distributed_request(TrialRequest.read(folder / "request.json"), folder)
    request.write()
    job = render_tfjob(template, name, replica_counts(request.compute), request, owner)
    for replica in job["spec"]["tfReplicaSpecs"].values():
        replica["restartPolicy"] = "Never"
        _mark(replica["template"], sweep, folder)
    _mark(job, sweep, folder)
    return job


def is_distributed(folder: Path) -> bool:
    """Return whether the request in a run's folder is for several processes."""
    settings = json.loads((folder / "request.json").read_text(encoding="utf-8")).get("settings", {})
    return ComputeSettings.model_validate(settings.get("compute", {})).distributed


def request_hash(folder: Path) -> str:
    """Return what differs between two requests of the same name."""
    return hashlib.sha256((folder / "request.json").read_bytes()).hexdigest()[:16]


def _mark(item: Any, sweep: str, folder: Path) -> None:
    metadata = item.setdefault("metadata", {})
    metadata.setdefault("labels", {})[SWEEP_LABEL] = sweep
    metadata.setdefault("annotations", {})[REQUEST_HASH] = request_hash(folder)


def _named(job: dict[str, Any], name: str, owner: Mapping[str, Any] | None) -> dict[str, Any]:
    job["metadata"]["name"] = name
    if owner:
        job["metadata"]["ownerReferences"] = [dict(owner)]
    return job
