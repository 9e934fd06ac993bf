"""The sweeps on a cluster, through the Leases of their controllers: no volume has to be within reach."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from components.errors import InputError
from hparam.executors.objects import LEASE, Objects
from hparam.lease import lease_name, read_status, request, sweeps
from pipelines.kubeflow.connection import find_cluster
from pipelines.kubeflow.platform import load_platform
from pipelines.sweeps.places import Seen
from pipelines.sweeps.view import Progress


class OnCluster:
    """The sweeps in a cluster's namespace.

    Args:
        objects: The namespace's objects.
    """

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    @classmethod
    def of(cls, overlay: str) -> OnCluster:
        """Return those of an overlay's namespace.

        Raises:
            InputError: There is no such overlay, or no kubeconfig.
        """
        return cls(Objects(find_cluster().api, load_platform(overlay).namespace, tries=3))

    def names(self) -> list[str]:
        """Return the names of the sweeps that have said how they stand."""
        return [name for name in sweeps(self._objects) if read_status(self._objects, name)]

    def read(self, name: str) -> Seen:
        """Return what the sweep's controller has last published.

        Raises:
            InputError: There is none of that name, or it has not said anything yet.
        """
        status = read_status(self._objects, name)
        if status is None:
            raise InputError(
                f"The sweep `{name}` has not begun yet.", cure="Its step is starting: try again in a minute."
            )
        return Seen(status, self._controlled(name))

    def send(self, name: str, change: Mapping[str, Any]) -> None:
        """Leave a request for the sweep's controller, also for the next one."""
        request(self._objects, name, change)

    def progress(self, name: str) -> Progress:
        """Return what knows nothing of running trials: they report to the volume."""
        del name
        return lambda trial, attempt: None

    def _controlled(self, name: str) -> bool:
        lease = self._objects.get(LEASE, lease_name(name))
        spec = lease["spec"] if lease else {}
        if not spec.get("holderIdentity"):
            return False
        # The controller's clock may differ from ours by a little; a Lease is renewed every other second.
        renewed = datetime.fromisoformat(spec["renewTime"].replace("Z", "+00:00"))
        age = datetime.now(timezone.utc) - renewed
        return age.total_seconds() < 4 * float(spec.get("leaseDurationSeconds") or 15)
