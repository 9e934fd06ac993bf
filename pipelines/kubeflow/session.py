"""What every verb of the cluster starts with: the overlay, and the connections that it leads to."""

from __future__ import annotations

from dataclasses import dataclass

from components.errors import InputError
from pipelines.kubeflow.client import Client
from pipelines.kubeflow.connection import KubeflowApi, connect, find_cluster
from pipelines.kubeflow.platform import Platform, load_platform
from pipelines.kubeflow.schedules import Schedules
from pipelines.kubeflow.workflow import WorkflowReader


@dataclass(frozen=True)
class Session:
    """An overlay and the Kubeflow Pipelines that runs its steps.

    Attributes:
        platform: What the overlay says.
        api: The API, which has answered.
        workflows: Reads pods; None when there is no kubeconfig.
    """

    platform: Platform
    api: KubeflowApi
    workflows: WorkflowReader | None

    @property
    def client(self) -> Client:
        """Return the client of runs."""
        return Client(self.api, self.platform.namespace, self.workflows)

    @property
    def schedules(self) -> Schedules:
        """Return the client of schedules."""
        return Schedules(self.api, self.platform.namespace)


def open_session(overlay: str, host: str | None) -> Session:
    """Return a session after Kubeflow Pipelines has answered.

    Args:
        overlay: Name of the overlay, or the path of its folder.
        host: Address of Kubeflow Pipelines; None looks at the environment, then at the kubeconfig.

    Raises:
        InputError: There is no such overlay, or the address or kubeconfig is wrong.
        LodestarError: Nobody answers.
    """
    platform = load_platform(overlay)
    api = connect(host, platform.namespace)
    try:
        workflows = WorkflowReader(find_cluster(), platform.namespace)
    except InputError:
        # With an address alone there are states, but no reasons and no logs of pods.
        workflows = None
    return Session(platform, api, workflows)
