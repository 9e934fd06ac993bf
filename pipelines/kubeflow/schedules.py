"""Recurring runs on Kubeflow Pipelines: create, list, pause, resume, delete.

A schedule holds its compiled spec inline: what runs at night is what was scheduled, whatever is compiled and
uploaded since.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

import kfp_server_api

from components.errors import InputError
from pipelines.kubeflow.client import Client, Submission, named
from pipelines.kubeflow.connection import KubeflowApi
from pipelines.kubeflow.cron import Cron

# What the API server accepts.
MAX_CONCURRENCY = 10
_PAGE = 100


class Schedules:
    """Everything about recurring runs; a thin layer over the generated client."""

    def __init__(self, api: KubeflowApi, namespace: str) -> None:
        self._api = api
        self._where = {"namespace": namespace} if api.multi_user else {}
        self._client = Client(api, namespace)
        self._recurring = kfp_server_api.RecurringRunServiceApi(api.api)

    def check_free(self, name: str) -> None:
        """Check that no schedule has this name; the API server would take it twice.

        Raises:
            InputError: The name is taken.
        """
        page = self._api.call(self._recurring.list_recurring_runs, filter=named(name), **self._where)
        if page.recurring_runs:
            raise InputError(
                f"There is already a schedule `{name}`.",
                cure=f"Choose another --name, or `lodestar schedule --delete {name}` first.",
            )

    def create(self, submission: Submission, cron: Cron, max_concurrency: int, catchup: bool) -> Any:
        """Create a schedule and return it.

        Args:
            submission: What to run; its name is the schedule's.
            cron: When; read in UTC.
            max_concurrency: How many of its runs may go on at once, 1 to 10.
            catchup: Whether firings that were missed are made up for, one run each.

        Raises:
            InputError: The name is taken, or the concurrency is out of range.
        """
        if not 1 <= max_concurrency <= MAX_CONCURRENCY:
            raise InputError(
                f"A concurrency of {max_concurrency} is out of range.",
                cure=f"--max-concurrency takes 1 to {MAX_CONCURRENCY}.",
            )
        self.check_free(submission.name)
        body = kfp_server_api.V2beta1RecurringRun(
            display_name=submission.name,
            description=submission.description,
            experiment_id=self._client.experiment(submission.experiment),
            pipeline_spec=dict(submission.document),
            runtime_config=kfp_server_api.V2beta1RuntimeConfig(parameters=dict(submission.parameters)),
            service_account=submission.service_account,
            trigger=kfp_server_api.V2beta1Trigger(
                cron_schedule=kfp_server_api.V2beta1CronSchedule(cron=cron.kubeflow)
            ),
            max_concurrency=str(max_concurrency),
            no_catchup=not catchup,
            mode=kfp_server_api.RecurringRunMode.ENABLE,
        )
        return self._api.call(self._recurring.create_recurring_run, body)

    def list(self) -> list[Any]:
        """Return all schedules, newest first."""
        found: list[Any] = []
        token = ""
        while True:
            page = self._api.call(
                self._recurring.list_recurring_runs,
                page_size=_PAGE,
                page_token=token,
                sort_by="created_at desc",
                **self._where,
            )
            found.extend(page.recurring_runs or ())
            token = page.next_page_token
            if not token:
                return found

    def pause(self, name: str) -> None:
        """Stop a schedule from firing; pausing it again changes nothing."""
        self._api.call(self._recurring.disable_recurring_run, self._find(name).recurring_run_id)

    def resume(self, name: str) -> None:
        """Let a paused schedule fire again."""
        self._api.call(self._recurring.enable_recurring_run, self._find(name).recurring_run_id)

    def delete(self, name: str) -> None:
        """Delete a schedule; the runs that it has started stay."""
        self._api.call(self._recurring.delete_recurring_run, self._find(name).recurring_run_id)

    def _find(self, name: str) -> Any:
        every = self.list()
        found = [one for one in every if name in (one.display_name, one.recurring_run_id)]
        if len(found) == 1:
            return found[0]
        if found:
            ids = ", ".join(one.recurring_run_id for one in found)
            raise InputError(f"{len(found)} schedules are called `{name}`: {ids}.", cure="Give the id.")
        near = get_close_matches(name, [one.display_name for one in every], n=1, cutoff=0.4)
        hint = f"Did you mean `{near[0]}`? " if near else ""
        raise InputError(
            f"There is no schedule `{name}`.", cure=f"{hint}`lodestar schedule --list` lists them."
        )
