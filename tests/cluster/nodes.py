"""Nodes that run nothing: the scheduler sees their labels, taints and resources, and binds pods to them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from tests.cluster.conftest import Kubectl, apply

# Keeps other pods away from these nodes, and a test's pods away from others.
MARK = "lodestar.test/pool"


@dataclass(frozen=True)
class Pool:
    """Nodes of one kind.

    Attributes:
        name: Of the pool.
        nodes: How many there are.
        labels: Of each.
        resources: Of each, beside CPU and memory.
        taint: The key of a NoSchedule taint.
        annotations: Of each; kwok, where it runs, ends pods on nodes with `kwok.x-k8s.io/node: fake`.
    """

    name: str
    nodes: int
    labels: dict[str, str] = field(default_factory=dict)
    resources: dict[str, str] = field(default_factory=dict)
    taint: str = ""
    annotations: dict[str, str] = field(default_factory=dict)


@contextmanager
def pools(kubectl: Kubectl, run: str, *members: Pool) -> Iterator[dict[str, str]]:
    """Make the nodes of all pools, ready; yield node -> pool, and remove them at the end."""
    owners = {f"{run}-{pool.name}-{number}": pool for pool in members for number in range(pool.nodes)}
    apply(kubectl, *(_node(name, run, pool) for name, pool in owners.items()))
    try:
        for name, pool in owners.items():
            status = json.dumps({"status": _status(pool)})
            kubectl("patch", "node", name, "--subresource=status", "--type=merge", f"--patch={status}")
        yield {name: pool.name for name, pool in owners.items()}
    finally:
        kubectl("delete", "nodes", f"--selector={MARK}={run}", "--wait=false")


def only_here(run: str, spec: dict[str, Any]) -> dict[str, Any]:
    """Return a pod's spec that stays on the nodes of this run, and otherwise is scheduled as before."""
    requirement = {"key": MARK, "operator": "In", "values": [run]}
    terms = {"nodeSelectorTerms": [{"matchExpressions": [requirement]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}
    tolerations = [*spec.get("tolerations", []), {"key": MARK, "operator": "Exists"}]
    return {**spec, "affinity": affinity, "tolerations": tolerations}


def _node(name: str, run: str, pool: Pool) -> dict[str, Any]:
    taints = [{"key": MARK, "value": run, "effect": "NoSchedule"}]
    if pool.taint:
        taints.append({"key": pool.taint, "value": "present", "effect": "NoSchedule"})
    labels = {MARK: run, "kubernetes.io/os": "linux", "kubernetes.io/hostname": name, **pool.labels}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels, "annotations": pool.annotations},
        "spec": {"taints": taints},
    }


def _status(pool: Pool) -> dict[str, Any]:
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    size = {"cpu": "32", "memory": "256Gi", "pods": "110", "ephemeral-storage": "1Ti", **pool.resources}
    ready = {
        "type": "Ready",
        "status": "True",
        "reason": "Test",
        "lastHeartbeatTime": now,
        "lastTransitionTime": now,
    }
    return {"allocatable": size, "capacity": size, "conditions": [ready]}
