"""Runs on Kubeflow Pipelines: submit, find, follow, terminate, resume."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from difflib import get_close_matches
from typing import Any
from uuid import UUID

import kfp_server_api

from components.errors import InputError
from pipelines.kubeflow import nodes
from pipelines.kubeflow.connection import AlreadyExists, KubeflowApi, NotFound
from pipelines.kubeflow.result import parse_result
from pipelines.kubeflow.steps import Step, closed, find_step, pipeline_spec, settled, step_statuses, steps_of
from pipelines.kubeflow.workflow import WorkflowReader
from pipelines.status import State, Status, roll_up

RERUN_PARAMETER = "rerun_from"
_PAGE = 100
# How far back a run is looked for by the start of its name or id.
_SEARCHED_RUNS = 500
_SETTLE_TRIES, _SETTLE_SECONDS = 4, 2.0


@dataclass(frozen=True)
class Submission:
    """A run to be started.

    Attributes:
        name: Its name; unique.
        experiment: The experiment that it belongs to; made when missing.
        document: The compiled spec, as `pipeline_spec` takes it.
        service_account: The account that its pods run as.
        parameters: Values of the spec's parameters.
        description: One line for the run's page.
    """

    name: str
    experiment: str
    document: Mapping[str, Any]
    service_account: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    description: str = ""


class Client:
    """Everything about runs; a thin layer over the generated client."""

    def __init__(self, api: KubeflowApi, namespace: str, workflows: WorkflowReader | None = None) -> None:
        self._api = api
        # A single-user installation refuses to be asked for a namespace.
        self._where = {"namespace": namespace} if api.multi_user else {}
        self._workflows = workflows
        self._runs = kfp_server_api.RunServiceApi(api.api)
        self._experiments = kfp_server_api.ExperimentServiceApi(api.api)
        self._pipelines = kfp_server_api.PipelineServiceApi(api.api)

    def check_free(self, name: str) -> None:
        """Check that no run has this name; the API server would take it twice.

        Raises:
            InputError: The name is taken.
        """
        if self._named(name):
            raise InputError(
                f"There is already a run `{name}`.",
                cure=f"Choose another --name, or see it: `lodestar status {name}`.",
            )

    def submit(self, submission: Submission) -> Any:
        """Start a run and return it.

        Raises:
            InputError: The name is taken.
        """
        self.check_free(submission.name)
        body = kfp_server_api.V2beta1Run(
            display_name=submission.name,
            description=submission.description,
            experiment_id=self.experiment(submission.experiment),
            pipeline_spec=dict(submission.document),
            runtime_config=kfp_server_api.V2beta1RuntimeConfig(parameters=dict(submission.parameters)),
            service_account=submission.service_account,
        )
        return self._api.call(self._runs.create_run, body)

    def resume(self, run: Any, start: str | None) -> Any:
        """Start a new run of the same spec and parameters, and return it.

        Args:
            run: The run to repeat; what it finished is re-used through ML Metadata.
            start: The first step that is to run again even if it had finished; None trusts the cache.

        Raises:
            InputError: There is no such step, or the spec cannot be told where to start.
        """
        document = self.document(run)
        parameters = dict((run.runtime_config and run.runtime_config.parameters) or {})
        if start:
            parameters[RERUN_PARAMETER] = find_step(steps_of(document), start).name
            if RERUN_PARAMETER not in _parameters(document):
                raise InputError(
                    f"The spec of run `{run.display_name}` has no parameter `{RERUN_PARAMETER}`.",
                    cure="It was not compiled by Lodestar: resume it without --from.",
                )
        body = kfp_server_api.V2beta1Run(
            display_name=self._free_name(run.display_name),
            description=f"Resumes {run.display_name} ({run.run_id})",
            experiment_id=run.experiment_id,
            pipeline_spec=run.pipeline_spec,
            pipeline_version_reference=None if run.pipeline_spec else run.pipeline_version_reference,
            runtime_config=kfp_server_api.V2beta1RuntimeConfig(parameters=parameters),
            service_account=run.service_account,
        )
        return self._api.call(self._runs.create_run, body)

    def terminate(self, run_id: str) -> None:
        """Stop a run; its pods are deleted, what its steps have finished stays."""
        self._api.call(self._runs.terminate_run, run_id)

    def runs(self, limit: int) -> list[Any]:
        """Return the newest `limit` runs, newest first."""
        return list(self._pages(limit))

    def find(self, name: str) -> Any:
        """Return the run with this name or id, or the only one whose name or id starts so.

        Raises:
            InputError: There is none, or more than one.
        """
        if _is_uuid(name):
            try:
                return self._api.call(self._runs.get_run, name)
            except NotFound:
                raise _no_run(name, []) from None
        found = self._named(name)
        recent: list[Any] = []
        if not found:
            recent = self.runs(_SEARCHED_RUNS)
            found = [r for r in recent if r.display_name.startswith(name) or r.run_id.startswith(name)]
        if not found:
            raise _no_run(name, [run.display_name for run in recent])
        if len(found) > 1:
            some = ", ".join(f"{run.display_name} ({run.run_id[:8]})" for run in found[:5])
            raise InputError(f"`{name}` fits {len(found)} runs: {some}.", cure="Give more of the name or id.")
        return self._api.call(self._runs.get_run, found[0].run_id)

    def document(self, run: Any) -> Mapping[str, Any]:
        """Return the compiled spec of a run, wherever the run has it from."""
        if run.pipeline_spec:
            return run.pipeline_spec
        version = run.pipeline_version_reference
        found = self._api.call(
            self._pipelines.get_pipeline_version, version.pipeline_id, version.pipeline_version_id
        )
        return found.pipeline_spec

    def status(self, run_id: str, sleep: Callable[[float], None] = time.sleep) -> Status:
        """Return a run with its steps; reads again for a few seconds when the steps lag behind the run."""
        run = self._api.call(self._runs.get_run, run_id)
        steps = steps_of(self.document(run))
        for left in reversed(range(_SETTLE_TRIES)):
            state = nodes.state_of(run.state)
            parts = step_statuses(steps, self._nodes(run), state)
            if settled(parts, state) or not left:
                break
            sleep(_SETTLE_SECONDS)
            run = self._api.call(self._runs.get_run, run_id)
        return run_status(run, self._with_messages(run_id, closed(parts, state)))

    def experiment(self, name: str) -> str:
        """Return the id of the experiment called `name`, made when missing."""
        found = self._experiment(name)
        if found:
            return found
        body = kfp_server_api.V2beta1Experiment(display_name=name, **self._where)
        try:
            return self._api.call(self._experiments.create_experiment, body).experiment_id
        except AlreadyExists:
            # Somebody else has made it in between.
            found = self._experiment(name)
            if not found:
                raise
            return found

    def _experiment(self, name: str) -> str:
        page = self._api.call(
            self._experiments.list_experiments, page_size=_PAGE, filter=named(name), **self._where
        )
        return str(page.experiments[0].experiment_id) if page.experiments else ""

    def _nodes(self, run: Any) -> nodes.Nodes:
        if self._workflows:
            found = self._workflows.nodes(run.run_id)
            if found:
                return found
        return nodes.from_tasks(run.run_details and run.run_details.task_details)

    def _with_messages(self, run_id: str, parts: tuple[Status, ...]) -> tuple[Status, ...]:
        # Kubeflow Pipelines only says that a step ended; what the step left is in the status of its pod.
        ended = [Step(part.id, part.name) for part in parts if part.state in (State.FAILED, State.DONE)]
        if not ended or not self._workflows:
            return parts
        left = self._workflows.messages(run_id, ended)
        return tuple(_with_message(part, left.get(part.name, "")) for part in parts)

    def _named(self, name: str) -> list[Any]:
        page = self._api.call(self._runs.list_runs, page_size=_PAGE, filter=named(name), **self._where)
        return page.runs or []

    def _pages(self, limit: int) -> Iterator[Any]:
        token = ""
        while limit > 0:
            page = self._api.call(
                self._runs.list_runs,
                page_size=min(limit, _PAGE),
                page_token=token,
                sort_by="created_at desc",
                **self._where,
            )
            yield from page.runs or ()
            limit -= _PAGE
            token = page.next_page_token
            if not token:
                return

    def _free_name(self, name: str) -> str:
        taken = {run.display_name for run in self.runs(_SEARCHED_RUNS)}
        numbers = iter(range(1, len(taken) + 2))
        return next(free for n in numbers if (free := f"{name}-resume-{n}") not in taken)


def run_status(run: Any, parts: tuple[Status, ...] = ()) -> Status:
    """Return the status of a run of the API, with the steps given."""
    state = nodes.state_of(run.state)
    rolled = roll_up(part.state for part in parts)
    # The run only says "running"; its steps know whether anything does run.
    if state is State.RUNNING and rolled is State.PENDING:
        state = rolled
    return Status(
        "run",
        run.display_name,
        state,
        run.run_id,
        _aware(run.created_at),
        _aware(run.finished_at) if state.final else None,
        _why(run, state, parts),
        parts,
    )


def _with_message(part: Status, message: str) -> Status:
    if not message or part.state is State.FAILED:
        return replace(part, why=message or part.why)
    result = parse_result(part.name, message)
    return replace(part, state=result[0], made=result[1]) if result else part


def named(name: str) -> str:
    """Return the filter of the API for objects with exactly this name."""
    predicate = {"operation": "EQUALS", "key": "display_name", "stringValue": name}
    return json.dumps({"predicates": [predicate]})


def _why(run: Any, state: State, parts: tuple[Status, ...]) -> str:
    if state is State.FAILED and not any(part.state is State.FAILED for part in parts):
        return ((run.error and run.error.message) or "").strip()
    return ""


def _parameters(document: Mapping[str, Any]) -> Mapping[str, Any]:
    return pipeline_spec(document)["root"].get("inputDefinitions", {}).get("parameters", {})


def _no_run(name: str, names: list[str]) -> InputError:
    near = get_close_matches(name, names, n=1, cutoff=0.4)
    hint = f"Did you mean `{near[0]}`? " if near else ""
    return InputError(f"There is no run `{name}`.", cure=f"{hint}`lodestar status` lists the runs.")


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def _aware(moment: datetime | None) -> datetime | None:
    if moment is None or moment.year <= 1970:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
