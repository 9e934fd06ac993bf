"""This process's cluster: its objects, and who owns what this process makes."""

from __future__ import annotations

import os
import socket

from components.tfjob.api import connect_kubernetes
from hparam.executors.objects import POD, Object, Objects


def connect(namespace: str | None = None) -> Objects:
    """Return the objects of the pod's own cluster, or of the kubeconfig's.

    Args:
        namespace: None: the pod's own, or the kubeconfig's.

    Raises:
        LodestarError: There is no cluster.
    """
    found = connect_kubernetes(namespace)
    return Objects(found.client, found.namespace)


def owner(objects: Objects) -> Object | None:
    """Return a reference to what this pod belongs to, a Workflow say, else to the pod; None in no pod.

    What is owned goes with its owner, but it outlives a step that is tried again in another pod.
    """
    pod = objects.get(POD, os.environ.get("POD_NAME") or socket.gethostname())
    if pod is None:
        return None
    references = pod["metadata"].get("ownerReferences") or []
    controller = next((one for one in references if one.get("controller")), None)
    if controller is None:
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "name": pod["metadata"]["name"],
            "uid": pod["metadata"]["uid"],
        }
    return {key: controller[key] for key in ("apiVersion", "kind", "name", "uid")}
