"""NetworkPolicies read as the specification says: policies add up, and a pod that none selects is open."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Labels = dict[str, str]
Policy = dict[str, Any]


@dataclass(frozen=True)
class Pod:
    """An end of a connection; without labels it stands for an address outside the cluster's pods."""

    labels: Labels = field(default_factory=dict)
    namespace: str = "here"
    is_pod: bool = True


def connects(policies: list[Policy], source: Pod, target: Pod, port: int) -> bool:
    """Return whether `source` may open a TCP connection to `target`; both ends have to agree."""
    return _open(policies, "Egress", source, target, port) and _open(
        policies, "Ingress", target, source, port
    )


def _open(policies: list[Policy], direction: str, subject: Pod, peer: Pod, port: int) -> bool:
    if not subject.is_pod or subject.namespace != "here":
        return True  # The policies in question are of the namespace `here`.
    mine = [
        policy["spec"]
        for policy in policies
        if direction in policy["spec"]["policyTypes"]
        and selects(policy["spec"]["podSelector"], subject.labels)
    ]
    found = [rule for spec in mine for rule in spec.get(direction.lower(), [])]
    return not mine or any(_admits(rule, direction, peer, port) for rule in found)


def _admits(rule: dict[str, Any], direction: str, peer: Pod, port: int) -> bool:
    peers = rule.get("to" if direction == "Egress" else "from")
    ports = [one["port"] for one in rule.get("ports", []) if one["protocol"] == "TCP"]
    return port in ports and (peers is None or any(_is(one, peer) for one in peers))


def _is(described: dict[str, Any], peer: Pod) -> bool:
    if "ipBlock" in described or not peer.is_pod:
        return False
    elsewhere = described.get("namespaceSelector")
    labels = {"kubernetes.io/metadata.name": peer.namespace}
    in_namespace = peer.namespace == "here" if elsewhere is None else selects(elsewhere, labels)
    return in_namespace and selects(described.get("podSelector", {}), peer.labels)


def selects(selector: dict[str, Any], labels: Labels) -> bool:
    """Return whether a label selector holds for labels; an empty one holds for all."""
    wanted = selector.get("matchLabels", {})
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        _expression(one, labels) for one in selector.get("matchExpressions", [])
    )


def _expression(expression: dict[str, Any], labels: Labels) -> bool:
    key, values = expression["key"], expression.get("values", [])
    return {
        "In": labels.get(key) in values,
        "NotIn": labels.get(key) not in values,
        "Exists": key in labels,
        "DoesNotExist": key not in labels,
    }[expression["operator"]]
