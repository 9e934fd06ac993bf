"""Replicas as a TFJob: the training operator starts them and starts them again, this follows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from components.distributed.cluster import replica_counts, replica_names
from components.distributed.exits import restarts
from components.distributed.request import Request
from components.errors import LodestarError
from components.tfjob.api import Kubernetes, connect_kubernetes
from components.tfjob.endings import Endings
from components.tfjob.follow import State
from components.tfjob.logs import Logs
from components.tfjob.pods import Replica, replica_of, waiting_for
from components.tfjob.template import render


def connect(template: str, name: str, request: Request, say: Callable[[str], None]) -> TFJob:
    """Return the launcher of a TFJob in the namespace of this pod, or of the template if it names one.

    Raises:
        InputError: The template is not usable.
        LodestarError: There is no cluster.
    """
    counts = replica_counts(request.compute)
    namespace = render(template, name, counts, request)["metadata"].get("namespace")
    api = connect_kubernetes(namespace)
    return TFJob(api, render(template, name, counts, request, api.owner()), request, say)


class TFJob:
    """A launcher on Kubernetes.

    A job of the same name that still runs was started by an attempt of the same step that was cut off: it is
    followed instead of a second one. A finished one is replaced, and continues from its backup.

    The operator starts a replica again that ends with 128 or more. A pod that is deleted while it runs, by an
    eviction or with its node, it counts as a failure of the whole job; then the job is started again.

    Args:
        api: The cluster.
        job: The TFJob to create.
        request: What to train.
        say: Prints a line.
    """

    period = 2.0

    def __init__(
        self, api: Kubernetes, job: Mapping[str, Any], request: Request, say: Callable[[str], None]
    ) -> None:
        self.names = replica_names(replica_counts(request.compute))
        self._api = api
        self._job = dict(job)
        self._name = str(job["metadata"]["name"])
        self._request = request
        self._say = say
        self._logs = Logs(api, say)
        self._endings = Endings(api, self._name)
        self._seen: dict[str, Replica] = {}
        self._ended: dict[str, Replica] = {}
        self._again = 0
        self._polls = 0
        self._refusal = ""
        self._finished = False

    def start(self) -> None:
        """Create the job, or find it.

        Raises:
            LodestarError: The server refuses it: no training operator, no right, or a quota on jobs.
        """
        found = self._api.job(self._name)
        if found and _end(found):
            self._remove()
        if self._api.create(self._job):
            self._say(f"started the TFJob {self._api.namespace}/{self._name}")
        else:
            self._say(f"following the TFJob {self._api.namespace}/{self._name}, which runs already")
        self._endings.start()

    def poll(self) -> State:
        """Return how it stands.

        Raises:
            LodestarError: The job is gone.
        """
        job = self._api.job(self._name)
        if job is None:
            raise LodestarError(
                f"The TFJob {self._name} is gone.", cure="Somebody deleted it; run the pipeline again."
            )
        pods = self._api.pods(self._name)
        self._look_at(pods)
        failed = _condition(job, "Failed")
        if failed and self._is_worth_another_try(job):
            self._start_again(failed)
            return State(restarts=self._restarts)
        if _end(job):
            self._finished = True
            self._logs.finish()
            return State(not failed, self._why(failed) if failed else "", self._restarts)
        self._polls += 1
        return State(restarts=self._restarts, waiting=self._waiting(job, pods))

    def stop(self) -> None:
        """Delete the job and its pods; one that has ended stays to be looked at, until its TTL."""
        self._endings.stop()
        if not self._finished:
            self._api.delete(self._name)
        self._logs.finish()

    @property
    def _restarts(self) -> int:
        return self._again + sum(restarts(replica.code or 0) for replica in self._ended.values())

    def _is_worth_another_try(self, job: Mapping[str, Any]) -> bool:
        gave_up = any(replica.code and not restarts(replica.code) for replica in self._ended.values())
        told = any(self._request.read_failure(name) for name in self.names)
        return not gave_up and not told and not _past_deadline(job)

    def _start_again(self, failed: str) -> None:
        self._say(f"{failed} No replica gave up, so the job is started again")
        self._again += 1
        self._remove()
        self._api.create(self._job)

    def _remove(self) -> None:
        self._api.delete(self._name)
        while self._api.job(self._name):
            self._api.pause(1.0)

    def _look_at(self, pods: list[Any]) -> None:
        there = [replica_of(pod) for pod in pods]
        for replica in there:
            if replica.started and replica.uid not in self._seen:
                self._seen[replica.uid] = replica
                self._logs.follow(replica.pod, replica.name)
        for replica in [*self._endings.take(), *there]:
            if replica.code is not None and replica.uid not in self._ended:
                self._ended[replica.uid] = replica
                self._say(f"{replica.name} ended with exit code {replica.code}{replica.reason}")
        for uid in self._seen.keys() - {replica.uid for replica in there} - self._ended.keys():
            # Deleted from outside while it ran, and nothing is known but that.
            self._ended[uid] = self._seen[uid].gone()
            self._say(f"{self._seen[uid].name} is gone: its pod was deleted")

    def _why(self, message: str) -> str:
        last = [r for r in self._ended.values() if r.code and not restarts(r.code)]
        return f"{last[-1].name} ended with exit code {last[-1].code}" if last else message.rstrip(".")

    def _waiting(self, job: Mapping[str, Any], pods: list[Any]) -> str:
        if _condition(job, "Suspended"):
            return "waiting: the TFJob is suspended, perhaps by a queue"
        reasons = {replica_of(pod).name: waiting_for(pod) for pod in pods}
        told = sorted({f"{name}: {reason}" for name, reason in reasons.items() if reason})
        if told:
            return f"waiting: {'; '.join(told)}"
        missing = len(self.names) - len(pods)
        if missing <= 0:
            self._refusal = ""
        elif self._polls % 5 == 0:
            # Pods follow within a second, unless they are refused; then only events tell.
            self._refusal = self._refused(missing)
        return self._refusal

    def _refused(self, missing: int) -> str:
        warnings = self._api.warnings(self._name)
        last = warnings[-1] if warnings else "the operator has not created them yet"
        quota = any("exceeded quota" in warning for warning in warnings[-3:])
        return f"waiting for {'quota' if quota else 'pods'}: {missing} of {len(self.names)} missing: {last}"


def _end(job: Mapping[str, Any]) -> str:
    return _condition(job, "Succeeded") or _condition(job, "Failed")


def _condition(job: Mapping[str, Any], kind: str) -> str:
    conditions = (job.get("status") or {}).get("conditions") or []
    true = [one for one in conditions if one["type"] == kind and one["status"] == "True"]
    return str(true[-1].get("message") or kind) if true else ""


def _past_deadline(job: Mapping[str, Any]) -> bool:
    began = _time(job["status"].get("startTime"))
    ended = _time(job["status"].get("completionTime"))
    limit = job["spec"]["runPolicy"].get("activeDeadlineSeconds")
    return bool(began and ended and limit and (ended - began).total_seconds() >= limit)


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None
