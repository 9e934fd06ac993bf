"""What the API server knows: experiments, runs and recurring runs, and the rules for changing them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from datetime import datetime, timezone
from pathlib import Path
from threading import BoundedSemaphore, RLock
from typing import Any
from uuid import uuid4

from tests.kubeflow_api import spec as specs
from tests.kubeflow_api.execution import Execution
from tests.kubeflow_api.models import check_body
from tests.kubeflow_api.node import NEVER, now
from tests.kubeflow_api.recurring import Recurring, check_recurring
from tests.kubeflow_api.refusal import ALREADY_EXISTS, Refusal, invalid, not_found
from tests.kubeflow_spec import CompiledSpec

Object = dict[str, Any]
FINAL = ("SUCCEEDED", "FAILED", "CANCELED", "SKIPPED")
# What the server alone writes.
_OF_RUN = ("run_id", "state", "created_at", "finished_at", "error", "run_details", "state_history")
_OF_RECURRING = ("recurring_run_id", "status", "created_at", "updated_at", "error")


class Store:
    """The state of the server.

    Args:
        folder: Where runs leave logs and reports.
        parallel: How many steps the cluster has room for at once.
        lag: Seconds by which the states of tasks lag behind their run's.
    """

    def __init__(self, folder: Path, parallel: int = 2, lag: float = 1.0) -> None:
        self.lock = RLock()
        self.experiments: dict[str, Object] = {}
        self.executions: dict[str, Execution] = {}
        self.recurring: dict[str, Recurring] = {}
        self._runs: dict[str, Object] = {}
        self._folder, self._lag = folder, lag
        self._capacity = BoundedSemaphore(parallel)
        self._moment = datetime.now(timezone.utc)

    def create_experiment(self, body: Object) -> Object:
        check_body("V2beta1Experiment", body)
        _refuse_namespace(body)
        name = body.get("display_name", "")
        if not name:
            raise invalid("Experiment's name cannot be empty.")
        if any(one["display_name"] == name for one in self.experiments.values()):
            raise Refusal(ALREADY_EXISTS, f"The name {name} already exist. Please specify a new name.")
        made = {**body, "experiment_id": str(uuid4()), "created_at": now(), "storage_state": "AVAILABLE"}
        self.experiments[made["experiment_id"]] = made
        return made

    def experiment(self, key: str) -> Object:
        return _get(self.experiments, "Experiment", key)

    def create_run(self, body: Object) -> Object:
        check_body("V2beta1Run", body)
        _refuse_set(body, _OF_RUN)
        if not body.get("display_name"):
            raise invalid("The run name is empty. Please specify a valid name")
        self.experiment(body.get("experiment_id", ""))
        text, parameters = _checked_spec(body)
        spec = CompiledSpec(text)
        made = {**deepcopy(body), "run_id": str(uuid4()), "created_at": now(), "finished_at": NEVER}
        made |= {"storage_state": "AVAILABLE", "state_history": []}
        key = made["run_id"]
        self._runs[key] = made
        self._become(key, "PENDING")
        self.executions[key] = Execution(
            spec,
            key,
            parameters,
            self._folder,
            self._capacity,
            self._lag,
            lambda state, error: self._end(key, state, error),
        )
        self._become(key, "RUNNING")
        self.executions[key].start()
        return self.run(key)

    def run(self, key: str) -> Object:
        run = deepcopy(_get(self._runs, "Run", key))
        run["run_details"] = {"task_details": self.executions[key].tasks}
        return run

    def runs(self) -> list[Object]:
        with self.lock:
            return [self.run(key) for key in self._runs]

    def terminate(self, key: str) -> None:
        if _get(self._runs, "Run", key)["state"] in FINAL:
            raise invalid(f"Failed to terminate run {key}. Row not found")
        self._become(key, "CANCELING")
        self.executions[key].terminate()

    def set_storage(self, key: str, state: str) -> None:
        _get(self._runs, "Run", key)["storage_state"] = state

    def delete_run(self, key: str) -> None:
        _get(self._runs, "Run", key)
        self.executions[key].terminate()
        del self._runs[key]

    def create_recurring(self, body: Object) -> Object:
        check_body("V2beta1RecurringRun", body)
        _refuse_namespace(body)
        _refuse_set(body, _OF_RECURRING)
        if not body.get("display_name"):
            raise invalid("Recurring run name is empty. Please specify a valid name")
        self.experiment(body.get("experiment_id", ""))
        check_recurring(body)
        _checked_spec(body)
        made = {**deepcopy(body), "recurring_run_id": str(uuid4()), "created_at": now(), "updated_at": now()}
        made["status"] = f"{body['mode']}D"
        self.recurring[made["recurring_run_id"]] = Recurring(made, self._moment)
        return made

    def recurring_run(self, key: str) -> Recurring:
        return _get(self.recurring, "Job", key)

    def set_mode(self, key: str, mode: str) -> None:
        self.recurring_run(key).body |= {"mode": mode, "status": f"{mode}D", "updated_at": now()}

    def delete_recurring(self, key: str) -> None:
        self.recurring_run(key)
        del self.recurring[key]

    def advance(self, moment: datetime) -> None:
        """Let the clock of the recurring runs be at `moment`, and start what is due."""
        with self.lock:
            self._moment = max(self._moment, moment)
            for one in self.recurring.values():
                one.fire(self._moment, self._active, lambda one=one: self._start_of(one))

    def pods(self, run_id: str) -> Iterator[Object]:
        """Yield the pods of a run as the Kubernetes API lists them."""
        if run_id in self.executions:
            for node in self.executions[run_id].executors():
                yield node.manifest(run_id, "kubeflow")

    def close(self) -> None:
        """End every run and wait for it."""
        for execution in list(self.executions.values()):
            execution.terminate()
        for execution in list(self.executions.values()):
            execution.thread.join(30)

    def _start_of(self, one: Recurring) -> str:
        kept = ("display_name", "description", "pipeline_spec", "runtime_config", "service_account")
        body = {name: one.body[name] for name in (*kept, "experiment_id") if name in one.body}
        body["display_name"] += f"-{len(one.runs) + 1}-{uuid4().int % 10**10}"
        made = self.create_run({**body, "recurring_run_id": one.body["recurring_run_id"]})
        return str(made["run_id"])

    def _active(self, key: str) -> bool:
        return key in self._runs and self._runs[key]["state"] not in FINAL

    def _end(self, key: str, state: str, error: str) -> None:
        with self.lock:
            if key not in self._runs:
                return
            self._runs[key]["finished_at"] = now()
            if error:
                self._runs[key]["error"] = {"code": 13, "message": error}
            self._become(key, state)
        self.advance(self._moment)

    def _become(self, key: str, state: str) -> None:
        run = self._runs[key]
        run["state"] = state
        run["state_history"].append({"update_time": now(), "state": state})


def _get(objects: Mapping[str, Any], kind: str, key: str) -> Any:
    if key not in objects:
        raise not_found(kind, key)
    return objects[key]


def _checked_spec(body: Object) -> tuple[str, Mapping[str, Any]]:
    text = specs.check_spec(body.get("pipeline_spec"))
    parameters = body.get("runtime_config", {}).get("parameters", {})
    specs.check_parameters(body["pipeline_spec"], parameters)
    return text, parameters


def _refuse_namespace(body: Object) -> None:
    # Servers since 2.0 overlook it; earlier ones refuse it, and so it must not be sent.
    if body.get("namespace"):
        raise invalid("In single-user mode, the request shouldn't contain namespace.")


def _refuse_set(body: Object, names: tuple[str, ...]) -> None:
    given = [name for name in names if body.get(name) is not None]
    if given:
        raise invalid(f"{given[0]} must not be set by the client")
