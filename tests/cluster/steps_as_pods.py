"""Run the steps of a compiled spec as pods, one after the other, with the compiled command and image."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cluster.conftest import Kubectl, apply
from tests.kubeflow_spec import CompiledSpec, Run, Step

SERVICE_ACCOUNT = "lodestar-pipeline"
_FINAL = ("Succeeded", "Failed")


@dataclass(frozen=True)
class Finished:
    """A step's pod after its end.

    Attributes:
        step: The step.
        pod: The pod as the API server has it.
        log: What it printed.
        reported: The outputs that it reported to Kubeflow Pipelines.
    """

    step: Step
    pod: Mapping[str, Any]
    log: str
    reported: Mapping[str, Any] = field(default_factory=dict)

    @property
    def succeeded(self) -> bool:
        return self.pod["status"]["phase"] == "Succeeded"

    @property
    def ended(self) -> Mapping[str, Any]:
        """Exit code, reason and the message that the step left."""
        return self.pod["status"]["containerStatuses"][0]["state"]["terminated"]

    @property
    def stages(self) -> dict[str, float]:
        """Seconds by stage, as the step printed them."""
        [line] = [line for line in self.log.splitlines() if line.startswith("stages ")]
        return {name: float(seconds) for name, seconds in re.findall(r"(\w+) ([\d.]+) s", line)}


def run_steps(
    kubectl: Kubectl, namespace: str, spec: CompiledSpec, folder: Path, **parameters: str
) -> Iterator[Finished]:
    """Run one step after the other until one fails; `folder` is what the pods see as /lodestar."""
    run_id = str(uuid.uuid4())
    reports = folder / "reports" / run_id
    reports.mkdir(parents=True)
    for parent in (reports.parent, reports):
        parent.chmod(0o777)
    for step in spec.steps.values():
        file = f"/lodestar/reports/{run_id}/{step.key}.json"
        run = Run(run_id, parameters, output_file=file)
        name = f"{spec.name[:20]}-{run_id[:8]}-{step.key}"
        apply(kubectl, spec.pod(step, run, namespace, SERVICE_ACCOUNT, name))
        yield _finished(kubectl, namespace, step, name, reports / f"{step.key}.json")


def _finished(kubectl: Kubectl, namespace: str, step: Step, name: str, report: Path) -> Finished:
    pod = _wait(kubectl, namespace, name)
    log = kubectl("--namespace", namespace, "logs", name).stdout
    reported = json.loads(report.read_text(encoding="utf-8")) if report.is_file() else {}
    kubectl("--namespace", namespace, "delete", "pod", name, "--wait=false")
    return Finished(step, pod, log, reported)


def _wait(kubectl: Kubectl, namespace: str, name: str, seconds: float = 600.0) -> Mapping[str, Any]:
    end = time.monotonic() + seconds
    while True:
        found = kubectl("--namespace", namespace, "get", "pod", name, "--output=json").stdout
        pod: Mapping[str, Any] = json.loads(found)
        if pod["status"]["phase"] in _FINAL:
            return pod
        assert time.monotonic() < end, f"{name} is {pod['status']} after {seconds:.0f} s"
        time.sleep(0.5)
