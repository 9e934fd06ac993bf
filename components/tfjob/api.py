"""The Kubernetes API as the Trainer step uses it; what it refuses becomes one clear error."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kubernetes
import urllib3
from kubernetes.client import ApiException

from components.errors import LodestarError

GROUP, VERSION, PLURAL = "kubeflow.org", "v1", "tfjobs"
JOB_LABEL = "training.kubeflow.org/job-name"
_NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_TIMEOUT_S = (5, 60)
_TRIES = 8
_CURES = {
    401: "The token or certificate is not valid; log in again.",
    403: "Give the service account the Role `lodestar-pipeline`: kubectl apply -k manifests/overlays/NAME.",
    404: "Install the training operator: `lodestar doctor --cluster` names the command.",
    422: "Mend the template: manifests/base/training/tfjob.yaml.",
}


class Kubernetes:
    """TFJobs, pods, logs and events of one namespace.

    A call that fails for a passing reason is tried again with growing pauses, for about two minutes.

    Args:
        client: Knows the server and who is asking.
        namespace: Of the step and of its job.
        sleep: Waits for seconds.
    """

    def __init__(
        self,
        client: kubernetes.client.ApiClient,
        namespace: str,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.client = client
        self.namespace = namespace
        self._objects = kubernetes.client.CustomObjectsApi(client)
        self._core = kubernetes.client.CoreV1Api(client)
        self._sleep = sleep

    def create(self, job: dict[str, Any]) -> bool:
        """Create a TFJob; return False when one of that name exists.

        Raises:
            LodestarError: The server refuses it.
        """
        try:
            self._call(
                self._objects.create_namespaced_custom_object, GROUP, VERSION, self.namespace, PLURAL, job
            )
        except ApiException as error:
            if error.status == 409 and _reason(error) == "AlreadyExists":
                return False
            raise _refused("create a TFJob", error) from None
        return True

    def job(self, name: str) -> dict[str, Any] | None:
        """Return a TFJob; None when there is none of that name."""
        try:
            method = self._objects.get_namespaced_custom_object
            return dict(self._call(method, GROUP, VERSION, self.namespace, PLURAL, name))
        except ApiException as error:
            if error.status == 404:
                return None
            raise _refused(f"get the TFJob {name}", error) from None

    def delete(self, name: str) -> None:
        """Delete a TFJob with its pods; nothing happens when there is none of that name."""
        try:
            self._call(
                self._objects.delete_namespaced_custom_object,
                GROUP,
                VERSION,
                self.namespace,
                PLURAL,
                name,
                # The object stays until its pods are gone, so that the next of that name meets none of them.
                propagation_policy="Foreground",
            )
        except ApiException as error:
            if error.status != 404:
                raise _refused(f"delete the TFJob {name}", error) from None

    def pause(self, seconds: float) -> None:
        """Wait."""
        self._sleep(seconds)

    def pods(self, name: str) -> list[Any]:
        """Return the pods of a TFJob."""
        try:
            found = self._call(
                self._core.list_namespaced_pod, self.namespace, label_selector=f"{JOB_LABEL}={name}"
            )
        except ApiException as error:
            raise _refused("list pods", error) from None
        return list(found.items)

    def changes(self, name: str) -> Iterator[Any]:
        """Yield the pods of a TFJob as they change, for a minute at most.

        The operator deletes a replica that has failed within the second: looks from time to time miss why.
        """
        method, selector = self._core.list_namespaced_pod, f"{JOB_LABEL}={name}"
        stream = kubernetes.watch.Watch().stream(
            method, self.namespace, label_selector=selector, timeout_seconds=60
        )
        yield from (event["object"] for event in stream)

    def log(self, pod: str) -> Any:
        """Return the log of a pod from its beginning as it grows: a stream of bytes.

        Raises:
            ApiException: There is none yet, or none any more.
        """
        return self._core.read_namespaced_pod_log(
            pod, self.namespace, follow=True, _preload_content=False, _request_timeout=(5, None)
        )

    def warnings(self, name: str) -> list[str]:
        """Return the messages of warning events about an object, oldest first; none without that right."""
        selector = f"involvedObject.name={name},type=Warning"
        try:
            found = self._call(
                self._core.list_namespaced_event, self.namespace, field_selector=selector
            ).items
        except ApiException:
            return []
        return [str(event.message) for event in found]

    def owner(self) -> dict[str, Any] | None:
        """Return a reference to the pod that this process is in; None when it is in none.

        The downward API (POD_NAME, POD_UID) tells it, else the server is asked.
        """
        name = os.environ.get("POD_NAME") or socket.gethostname()
        uid = os.environ.get("POD_UID")
        if not uid and _NAMESPACE_FILE.exists():
            uid = self._uid(name)
        if not uid:
            return None
        return {"apiVersion": "v1", "kind": "Pod", "name": name, "uid": uid}

    def _uid(self, pod: str) -> str | None:
        try:
            return str(self._call(self._core.read_namespaced_pod, pod, self.namespace).metadata.uid)
        except ApiException:
            return None

    def _call(self, method: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        for attempt in range(_TRIES):
            try:
                return method(*arguments, _request_timeout=_TIMEOUT_S, **options)
            except (ApiException, urllib3.exceptions.HTTPError, OSError) as error:
                if attempt == _TRIES - 1 or not _passes(error):
                    if isinstance(error, ApiException):
                        raise
                    raise LodestarError(
                        f"The Kubernetes API does not answer: {error}.",
                        cure="Check the network and try again.",
                    ) from None
            self._sleep(min(30.0, 2.0**attempt))
        raise AssertionError("unreachable")


def connect_kubernetes(namespace: str | None) -> Kubernetes:
    """Return the API of the pod's own cluster, or of the kubeconfig's.

    Args:
        namespace: None: the pod's own, or the kubeconfig's.

    Raises:
        LodestarError: There is neither.
    """
    configuration = kubernetes.client.Configuration()
    own = _NAMESPACE_FILE.read_text(encoding="utf-8").strip() if _NAMESPACE_FILE.exists() else None
    try:
        if own:
            kubernetes.config.load_incluster_config(client_configuration=configuration)
        else:
            kubernetes.config.load_kube_config(client_configuration=configuration)
            _, context = kubernetes.config.list_kube_config_contexts()
            own = context["context"].get("namespace", "default")
    except kubernetes.config.ConfigException as error:
        raise LodestarError(
            f"There is no Kubernetes cluster to start Jobs in: {error}.",
            cure="Set KUBECONFIG; without LODESTAR_TFJOB and LODESTAR_TRIAL_JOB this machine trains.",
        ) from None
    return Kubernetes(kubernetes.client.ApiClient(configuration), namespace or own or "default")


def _passes(error: Exception) -> bool:
    if not isinstance(error, ApiException):
        return True
    # 409 with a quota is a race between controllers; the server asks to try again.
    return error.status in (0, 429) or error.status >= 500 or _reason(error) == "Conflict"


def _reason(error: ApiException) -> str:
    return str(body_of(error).get("reason", ""))


def body_of(error: ApiException) -> dict[str, Any]:
    """Return the Status that the API server answered with; empty when it is none."""
    try:
        body = json.loads(error.body)
    except (TypeError, ValueError):
        return {}
    return body if isinstance(body, dict) else {}


def message_of(error: ApiException) -> str:
    """Return the API server's reason in words, without a period."""
    return str(body_of(error).get("message") or error.reason or error.status).strip().rstrip(".")


def _refused(what: str, error: ApiException) -> LodestarError:
    return LodestarError(
        f"Cannot {what}: {message_of(error)}.", cure=_CURES.get(error.status, "Ask the cluster's admin.")
    )
