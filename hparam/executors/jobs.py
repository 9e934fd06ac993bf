"""Trials as Jobs of a cluster, and as TFJobs where they are distributed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from components.errors import LodestarError
from hparam.executors import Observed, Phase
from hparam.executors.endings import failed_pod, of_pods, without_image
from hparam.executors.manifest import (
    REQUEST_HASH,
    SWEEP_LABEL,
    is_distributed,
    job_of,
    request_hash,
    tfjob_of,
)
from hparam.executors.mirror import Mirror
from hparam.executors.objects import JOB, POD, TFJOB, Kind, Object, Objects, Refused

LINES = 20
_JOB_LABELS = {JOB: "batch.kubernetes.io/job-name", TFJOB: "training.kubeflow.org/job-name"}
_IMAGE_SECONDS = 60.0
_ASK_SECONDS = 5.0
_GONE_SECONDS = 120.0


class JobExecutor:
    """Runs each trial in a Job of its own, named like the run.

    The cluster is watched, not asked, so a look at a thousand runs costs nothing. The Job of a run that has
    ended stays until its TTL or its owner's end; one whose image is missing for a minute is deleted.

    Args:
        objects: The cluster's.
        template: JSON of the Job: image, resources, environment and volumes of the platform.
        sweep: The sweep's name.
        owner: Owner reference of all Jobs.
        tfjob: JSON of the TFJob for distributed trials; None: there are none.
        clock: Seconds, for how long an image has been missing.
    """

    def __init__(
        self,
        objects: Objects,
        template: str,
        sweep: str,
        owner: Mapping[str, Any] | None = None,
        tfjob: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._objects = objects
        self._template = template
        self._tfjob = tfjob
        self._sweep = sweep
        self._owner = owner
        self._clock = clock
        selector = f"{SWEEP_LABEL}={sweep}"
        kinds = (JOB, TFJOB) if tfjob else (JOB,)
        self._jobs = {kind: Mirror(objects, kind, selector, _name) for kind in kinds}
        self._pods = Mirror(objects, POD, selector, _run_of_pod)
        self._watching = False
        self._known: dict[str, Kind] = {}
        self._seen: dict[str, Observed] = {}
        self._waiting: set[str] = set()
        # News of a Job may come after it was stopped.
        self._stopped: set[str] = set()
        self._imageless: dict[str, float] = {}
        self._asked: dict[str, tuple[float, str]] = {}
        self._held_back: dict[str, Object] = {}

    def launch(self, name: str, folder: Path) -> None:
        """Create the Job of a run; one of that name for the same request is adopted, another is replaced.

        A quota on Jobs keeps it waiting; the Jobs of runs that have succeeded are then removed.

        Raises:
            LodestarError: The server refuses it: a right is missing, or the template is broken.
        """
        self._watch()
        kind, job = self._render(name, Path(folder).absolute())
        self._known[name] = kind
        if not self._create(kind, job) and not self._adopts(kind, name, request_hash(folder)):
            self._replace(kind, name)
            self._create(kind, job)
        self._stopped.discard(name)
        if name not in self._seen:
            self._waiting.add(name)

    def observe(self) -> Mapping[str, Observed]:
        """Return every run of this sweep by name; ended ones stay known."""
        self._watch()
        for name in self._news():
            seen = self._look(name, self._known[name])
            self._seen[name] = seen
            # What keeps a run waiting may last too long, and no news tells of that.
            (self._waiting.add if seen.phase is Phase.WAITING else self._waiting.discard)(name)
        return dict(self._seen)

    def stop(self, name: str) -> None:
        """Delete the Job of a run with its pods, and forget it."""
        kind = self._known.pop(name, JOB)
        self._objects.delete(kind, name)
        self._stopped.add(name)
        self._jobs[kind].drop(name)
        self._forget(name)

    def close(self) -> None:
        """Watch no more; Jobs go on."""
        for mirror in (*self._jobs.values(), self._pods):
            mirror.stop()

    def _news(self) -> set[str]:
        found = set(self._waiting)
        for kind, mirror in self._jobs.items():
            changed = mirror.changed()
            found |= changed
            for name in changed - self._known.keys() - self._stopped:
                if any(not _is_deleted(job) for job in mirror.of(name)):
                    self._known[name] = kind
        found |= self._pods.changed()
        ended = {name for name in found if name in self._seen and self._seen[name].ended}
        return (found & self._known.keys()) - ended

    def _forget(self, name: str) -> None:
        self._waiting.discard(name)
        for kept in (self._seen, self._imageless, self._asked, self._held_back):
            kept.pop(name, None)

    def _watch(self) -> None:
        if not self._watching:
            for mirror in (*self._jobs.values(), self._pods):
                mirror.start()
            self._watching = True

    def _render(self, name: str, folder: Path) -> tuple[Kind, Object]:
        if not is_distributed(folder):
            return JOB, job_of(self._template, name, self._sweep, folder, self._owner)
        if self._tfjob is None:
            raise LodestarError(
                f"{name} is distributed, but there is no template of a TFJob for it.",
                cure="Compile the pipeline again with the settings that it is to have.",
            )
        return TFJOB, tfjob_of(self._tfjob, name, self._sweep, folder, self._owner)

    def _create(self, kind: Kind, job: Object) -> bool:
        name = str(job["metadata"]["name"])
        try:
            created = self._objects.create(kind, job)
        except Refused as refused:
            if not refused.by_quota:
                raise
            self._held_back[name] = job
            self._asked[name] = self._clock(), refused.problem
            self._make_room()
            return True
        self._held_back.pop(name, None)
        if created is not None:
            self._jobs[kind].put(created)
        return created is not None

    def _make_room(self) -> None:
        for name, seen in self._seen.items():
            if seen.phase is Phase.SUCCEEDED and self._jobs[self._known[name]].of(name):
                self._objects.delete(self._known[name], name)
                self._jobs[self._known[name]].drop(name)

    def _adopts(self, kind: Kind, name: str, digest: str) -> bool:
        found = self._objects.get(kind, name)
        if found is None or _is_deleted(found):
            return False
        return bool((found["metadata"].get("annotations") or {}).get(REQUEST_HASH) == digest)

    def _replace(self, kind: Kind, name: str) -> None:
        self._objects.delete(kind, name)
        self._forget(name)
        self._jobs[kind].drop(name)
        end = self._clock() + _GONE_SECONDS
        while self._objects.get(kind, name) is not None:
            if self._clock() > end:
                raise LodestarError(
                    f"The {kind.name} {name} was deleted but is still there.",
                    cure=f"See what holds it: kubectl describe {kind.plural} {name}.",
                )
            time.sleep(0.1)

    def _look(self, name: str, kind: Kind) -> Observed:
        if name in self._held_back:
            asked, told = self._asked[name]
            if self._clock() - asked >= _ASK_SECONDS:
                self._create(kind, self._held_back[name])
            return Observed(Phase.WAITING, message=f"waiting for quota: {told}")
        job = next(iter(self._jobs[kind].of(name)), None)
        pods = _of_job(job, self._pods.of(name))
        seen = of_pods(pods)
        if seen is not None and seen.ended:
            return self._settled(name, kind, seen, pods)
        if job is None or _condition(job, "Failed") or _condition(job, "Complete", "Succeeded"):
            return self._ended_job(name, kind, pods)
        if seen is None:
            return Observed(Phase.WAITING, message=self._why_no_pods(name))
        return self._without_image(name, kind, pods) or seen

    def _ended_job(self, name: str, kind: Kind, pods: list[Object]) -> Observed:
        # Jobs and pods are watched apart, so one may be ahead of the other: now the server is asked.
        job = self._objects.get(kind, name)
        if job is None:
            return Observed(Phase.FAULT, "gone", f"the {kind.name} {name} was deleted")
        pods = _of_job(job, self._objects.list(POD, f"{_JOB_LABELS[kind]}={name}")[0] or pods)
        seen = of_pods(pods)
        if seen is not None and seen.ended:
            return self._settled(name, kind, seen, pods)
        if _condition(job, "Complete", "Succeeded"):
            return Observed(Phase.SUCCEEDED)
        failed = _condition(job, "Failed")
        if not failed:
            return seen or Observed(Phase.WAITING, message="starting")
        if failed.get("reason") == "DeadlineExceeded":
            return Observed(Phase.FAILED, "deadline", str(failed.get("message", "")))
        return Observed(Phase.FAULT, "gone", f"the pod of {name} was deleted while it ran")

    def _settled(self, name: str, kind: Kind, seen: Observed, pods: list[Object]) -> Observed:
        if seen.phase is Phase.SUCCEEDED:
            return seen
        log = self._objects.log(failed_pod(pods), LINES)
        job = self._objects.get(kind, name) if seen.phase is Phase.FAULT else None
        late = job and _condition(job, "Failed", "FailureTarget")
        if late and late.get("reason") == "DeadlineExceeded":
            return Observed(Phase.FAILED, "deadline", str(late.get("message", "")), log)
        return replace(seen, log=log)

    def _without_image(self, name: str, kind: Kind, pods: list[Object]) -> Observed | None:
        missing = without_image(pods)
        if not missing:
            self._imageless.pop(name, None)
            return None
        since = self._imageless.setdefault(name, self._clock())
        if self._clock() - since < _IMAGE_SECONDS:
            return None
        # The kubelet would try for ever.
        self._objects.delete(kind, name)
        return Observed(Phase.FAULT, "image", missing)

    def _why_no_pods(self, name: str) -> str:
        asked, told = self._asked.get(name, (self._clock(), "waiting for its pod"))
        if self._clock() - asked >= _ASK_SECONDS:
            # Pods follow within a second, unless they are refused; then only events tell.
            asked, told = self._clock(), next(reversed(self._objects.warnings(name)), told)
        self._asked[name] = asked, told
        return told


def _name(job: Object) -> str:
    return str(job["metadata"]["name"])


def _run_of_pod(pod: Object) -> str:
    labels = pod["metadata"].get("labels") or {}
    return next((str(labels[label]) for label in _JOB_LABELS.values() if label in labels), "")


def _of_job(job: Object | None, pods: list[Object]) -> list[Object]:
    # A Job of the same name may have been here before; its pods take a moment to go.
    if job is None:
        return pods
    uid = job["metadata"]["uid"]
    return [pod for pod in pods if any(o["uid"] == uid for o in pod["metadata"].get("ownerReferences", []))]


def _is_deleted(item: Object) -> bool:
    return "deletionTimestamp" in item["metadata"]


def _condition(job: Object, *types: str) -> Object:
    conditions = (job.get("status") or {}).get("conditions") or []
    return next((one for one in conditions if one["type"] in types and one["status"] == "True"), {})
