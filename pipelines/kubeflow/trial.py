"""The Job that a trial of a sweep runs as, rendered from its template for one platform."""

from __future__ import annotations

import json
from pathlib import Path

from components.errors import InputError
from hparam.executors.manifest import CONTAINER
from pipelines.kubeflow.platform import MANIFESTS, Platform
from pipelines.kubeflow.tfjob import complete_pod, read_template

_TEMPLATE = MANIFESTS / "base" / "sweep" / "trial.yaml"
# A trial needs what a training needs.
_STEP = "Trainer"


def render_trial(platform: Platform, image: str, template: Path = _TEMPLATE) -> str:
    """Return the Job as JSON; which trial it is for is said when it is started.

    Raises:
        InputError: The template cannot be read, or is not a Job with a container `trial`.
    """
    job = read_template(template, "the template of trials")
    try:
        complete_pod(job["spec"]["template"], CONTAINER, platform, platform.step(_STEP), image)
    except (KeyError, TypeError, StopIteration):
        raise InputError(
            f"This is not a Job with a container `{CONTAINER}`.",
            source=str(template),
            cure="Compare it with the template of the repository.",
        ) from None
    return json.dumps(job, sort_keys=True, separators=(",", ":"))
