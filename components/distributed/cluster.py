"""Who takes part in a training: TF_CONFIG, as TensorFlow and the training operator write it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.errors import InputError
from components.family import ComputeSettings

CHIEF, WORKER, PS = "chief", "worker", "ps"
ROLES = (CHIEF, WORKER, PS)
VARIABLE = "TF_CONFIG"


@dataclass(frozen=True)
class Cluster:
    """The processes of one training, seen by one of them.

    Attributes:
        hosts: Role -> `host:port` of each of its processes; roles without any are left out.
        role: This process's role.
        index: Its place in `hosts[role]`.
    """

    hosts: Mapping[str, tuple[str, ...]]
    role: str
    index: int

    @classmethod
    def parse(cls, text: str) -> Cluster:
        """Return what TF_CONFIG says, without evaluators: no strategy takes them.

        Raises:
            InputError: It is not a TF_CONFIG with a place for this process.
        """
        try:
            config = json.loads(text)
            hosts = {str(role): tuple(map(str, config["cluster"][role])) for role in config["cluster"]}
            task = str(config["task"]["type"]), int(config["task"]["index"])
        except (ValueError, KeyError, TypeError):
            raise _not_usable(text) from None
        known = {role: hosts[role] for role in ROLES if hosts.get(role)}
        if task[0] not in known or not 0 <= task[1] < len(known[task[0]]) or CHIEF not in known:
            raise _not_usable(text)
        return cls(known, *task)

    def tf_config(self) -> str:
        """Return the JSON for TensorFlow's environment."""
        task = {"type": self.role, "index": self.index}
        return json.dumps({"cluster": self.hosts, "task": task}, sort_keys=True)

    @property
    def name(self) -> str:
        """Return this process's name, e.g. `worker-1`."""
        return f"{self.role}-{self.index}"

    @property
    def names(self) -> list[str]:
        """Return the names of all processes, the chief's first."""
        return replica_names({role: len(hosts) for role, hosts in self.hosts.items()})

    @property
    def is_chief(self) -> bool:
        """Return whether this process exports the model."""
        return self.role == CHIEF

    @property
    def has_parameter_servers(self) -> bool:
        """Return whether the embedding tables are on parameter servers."""
        return PS in self.hosts


def replica_counts(compute: ComputeSettings) -> dict[str, int]:
    """Return role -> number of processes; without parameter servers the chief is one of the workers."""
    workers = compute.workers if compute.parameter_servers else compute.workers - 1
    counts: dict[str, Any] = {CHIEF: 1, WORKER: workers, PS: compute.parameter_servers}
    return {role: count for role, count in counts.items() if count}


def replica_names(counts: Mapping[str, int]) -> list[str]:
    """Return the name of every process, the chief's first."""
    return [f"{role}-{index}" for role in ROLES for index in range(counts.get(role, 0))]


def _not_usable(text: str) -> InputError:
    return InputError(
        f"{VARIABLE} has no chief or no place for this process: {text[:200]!r}.",
        cure="Start replicas by `lodestar run --workers N` or as a TFJob, which set it.",
    )
