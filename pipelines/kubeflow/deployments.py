"""Deployments on a cluster: a ConfigMap keeps them, the pods of `lodestar-serving-<family>` serve them."""

from __future__ import annotations

import os
import posixpath
import random
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any

import kubernetes

from components.deployment import history
from components.deployment.config import Usable, Wanted, always, server_config, server_config_text
from components.deployment.fleet import ModelServer, open_channel
from components.deployment.history import Change
from components.deployment.state import Deployment
from components.deployment.store import DEPLOYMENTS, HISTORY, dump, load, put
from components.errors import InputError, LodestarError
from pipelines.kubeflow.connection import AlreadyExists, Cluster, NotFound, find_cluster
from pipelines.kubeflow.platform import Platform, load_platform
from pipelines.kubeflow.port_forward import PortForward

CONFIG_MAP = "lodestar-models"
GRPC_PORT = 8500
_HISTORY_LINES = 200
_TRIES, _LONGEST_PAUSE_S = 30, 0.2
_NOT_AVAILABLE = re.compile(r"\d+ servable\(s\) did not become available: .*\}")
_LONGEST_CAUSE = 500
_TROUBLES = {"CrashLoopBackOff", "ImagePullBackOff", "ErrImagePull", "ErrImageNeverPull", "InvalidImageName"}


def model_root(platform: Platform) -> str:
    """Return the folder of the families' versions, as the pods see it: where the Pusher writes."""
    return posixpath.join(platform.env.get("LODESTAR_HOME", platform.root), "serving")


def store_on_cluster(overlay: str) -> ConfigMapStore:
    """Return what is deployed on an overlay's cluster.

    Raises:
        InputError: There is no such overlay, or no kubeconfig.
    """
    platform = load_platform(overlay)
    return ConfigMapStore(find_cluster(), platform.namespace, model_root(platform))


@contextmanager
def opened_on_cluster(family: str, overlay: str) -> Iterator[tuple[ConfigMapStore, PodFleet]]:
    """Give what is deployed on an overlay's cluster, and a family's servers.

    Raises:
        InputError: There is no such overlay, or no kubeconfig.
    """
    store = store_on_cluster(overlay)
    with closing(PodFleet(store.cluster, store.namespace, family)) as fleet:
        yield store, fleet


class ConfigMapStore:
    """Deployments in a ConfigMap: what is deployed, its history, and a list of models for each family's pods.

    Args:
        cluster: Where.
        namespace: The ConfigMap's.
        root: `<root>/<family>/<version>` as the servers see it.
    """

    def __init__(self, cluster: Cluster, namespace: str, root: str) -> None:
        self.cluster, self.namespace = cluster, namespace
        self._root = root
        self._core = kubernetes.client.CoreV1Api(cluster.api)

    @property
    def place(self) -> str:
        """Return which ConfigMap it is."""
        return f"ConfigMap {self.namespace}/{CONFIG_MAP}"

    def read(self) -> dict[str, Deployment]:
        """Return family -> deployment; empty when nothing was deployed yet."""
        return self._kept(self._get()[0])

    def history(self) -> list[Change]:
        """Return the newest changes, oldest first."""
        return history.read_lines(self._get()[0].get(HISTORY, "").splitlines())

    def swap(
        self, family: str, before: Deployment | None, after: Deployment | None, change: Change | None = None
    ) -> Deployment | None:
        """Keep `after` in the place of `before`; pods that start from then on have its versions."""
        for _ in range(_TRIES):
            data, version = self._get()
            kept = self._kept(data)
            lines = data.get(HISTORY, "").splitlines()
            revision = put(kept, family, before, after, partial(history.read_lines, lines))
            patch: dict[str, str | None] = {
                DEPLOYMENTS: dump(kept),
                f"{family}.config": self._text(family, kept.get(family)),
            }
            if change is not None:
                stamped = replace(change, revision=revision, ts=change.ts or history.now())
                patch[HISTORY] = "\n".join([*lines, stamped.line()][-_HISTORY_LINES:])
            if self._patch(patch, version):
                return kept.get(family)
            # Another family's deployer was faster. Those that wait equally long would meet again.
            time.sleep(random.uniform(0.0, _LONGEST_PAUSE_S))  # noqa: S311 - no secret
        raise LodestarError(f"{self.place} changes all the time.", cure="Try again.")

    def server_config(self, wanted: Wanted, usable: Usable = always) -> Any:
        """Return the message for the pods of one family, which have no other."""
        del usable
        return server_config([wanted], self._root)

    def _text(self, family: str, deployment: Deployment | None) -> str | None:
        return server_config_text([Wanted.of(family, deployment)], self._root) if deployment else None

    def _kept(self, data: dict[str, str]) -> dict[str, Deployment]:
        return load(data[DEPLOYMENTS], self.place) if DEPLOYMENTS in data else {}

    def _get(self) -> tuple[dict[str, str], str]:
        try:
            found = self.cluster.call(self._core.read_namespaced_config_map, CONFIG_MAP, self.namespace)
        except NotFound:
            raise InputError(
                f"There is no {self.place}.",
                cure="Apply the manifests first: `kubectl apply -k manifests/overlays/NAME`.",
            ) from None
        return dict(found.data or {}), str(found.metadata.resource_version)

    def _patch(self, data: dict[str, str | None], version: str) -> bool:
        """Change keys; return False when the ConfigMap is not what it was."""
        # The version is the fence: of two that change the same, the API server refuses one.
        body = {"metadata": {"resourceVersion": version}, "data": data}
        try:
            self.cluster.call(self._core.patch_namespaced_config_map, CONFIG_MAP, self.namespace, body)
        except AlreadyExists:
            return False
        return True


class PodFleet:
    """The pods that serve a family; reached through the API server, or directly from inside the cluster.

    Args:
        cluster: Where.
        namespace: The pods'.
        family: The family.
        direct: Connect to the pods themselves; None: when this is a pod.
    """

    def __init__(self, cluster: Cluster, namespace: str, family: str, direct: bool | None = None) -> None:
        self._cluster, self._namespace = cluster, namespace
        self._core = kubernetes.client.CoreV1Api(cluster.api)
        self._selector = f"app.kubernetes.io/component=serving,app.kubernetes.io/instance={family}"
        self._direct = "KUBERNETES_SERVICE_HOST" in os.environ if direct is None else direct
        self._links: dict[str, _Link] = {}
        self._forgotten: set[str] = set()

    def servers(self) -> Sequence[ModelServer]:
        """Return the pods that are ready, by their names."""
        ready = {pod.metadata.uid: pod for pod in self._pods() if _is_ready(pod)}
        for uid in set(self._links) - set(ready):
            self._links.pop(uid).close()
        for uid, pod in ready.items():
            if uid not in self._links:
                self._links[uid] = self._link(pod)
        return [self._links[uid].server for uid in sorted(ready, key=lambda uid: ready[uid].metadata.name)]

    def starting(self) -> Sequence[str]:
        """Return the names of the pods that have begun with the list of models as it was then."""
        return [pod.metadata.name for pod in self._pods() if not _is_ready(pod) and _runs(pod)]

    def trouble(self) -> str:
        """Return why a pod cannot start; empty when none says so."""
        new = (pod for pod in self._pods() if pod.metadata.uid not in self._forgotten)
        return next((text for pod in new if (text := _trouble(pod))), "")

    def renew(self) -> None:
        """Evict the pods that cannot start: what is mounted there would be what was deployed, for a minute.

        Without that right they begin anew by themselves, some minutes later.
        """
        for pod in self._pods():
            if not _trouble(pod):
                continue
            self._forgotten.add(pod.metadata.uid)
            name = pod.metadata.name
            eviction = kubernetes.client.V1Eviction(metadata=kubernetes.client.V1ObjectMeta(name=name))
            evict = self._core.create_namespaced_pod_eviction
            with suppress(LodestarError):
                self._cluster.call(evict, name, self._namespace, eviction)

    def close(self) -> None:
        """Close all connections."""
        for link in self._links.values():
            link.close()
        self._links.clear()

    def _pods(self) -> list[Any]:
        found = self._cluster.call(
            self._core.list_namespaced_pod, self._namespace, label_selector=self._selector
        )
        return [pod for pod in found.items if pod.metadata.deletion_timestamp is None]

    def _link(self, pod: Any) -> _Link:
        if self._direct:
            return _Link(pod.metadata.name, f"{pod.status.pod_ip}:{GRPC_PORT}", None)
        forward = PortForward(self._cluster, self._namespace, pod.metadata.name, GRPC_PORT)
        return _Link(pod.metadata.name, forward.address, forward)


class _Link:
    def __init__(self, name: str, address: str, forward: PortForward | None) -> None:
        self._forward = forward
        self._channel = open_channel(address)
        self.server = ModelServer(name, self._channel)

    def close(self) -> None:
        self._channel.close()
        if self._forward is not None:
            self._forward.close()


def _is_ready(pod: Any) -> bool:
    return any(c.type == "Ready" and c.status == "True" for c in pod.status.conditions or ())


def _containers(pod: Any) -> list[Any]:
    return list(pod.status.container_statuses or ())


def _runs(pod: Any) -> bool:
    return any(container.state.running for container in _containers(pod))


def _trouble(pod: Any) -> str:
    for container in _containers(pod):
        waiting = container.state.waiting
        if waiting and waiting.reason in _TROUBLES:
            ended = container.last_state.terminated if container.last_state else None
            why = _cause(ended.message if ended else "") or _cause(waiting.message)
            return f"The pod {pod.metadata.name} does not start: {waiting.reason}: {why or 'see its log'}."
    return ""


def _cause(text: str | None) -> str:
    """Return what a model server says of models that do not load; without that its last line."""
    found = _NOT_AVAILABLE.search(" ".join((text or "").split()))
    lines = [line.strip() for line in (text or "").splitlines() if line.strip()]
    said = found.group() if found else lines[-1] if lines else ""
    return said.rstrip(".")[:_LONGEST_CAUSE]
