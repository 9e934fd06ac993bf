"""Sizes that the API server would refuse, found at compile time."""

from __future__ import annotations

import json
from typing import Any

from components.errors import InputError

# etcd refuses objects beyond 1.5 MB. The Argo workflow that the server makes holds the whole spec as quoted
# JSON, and grows by the states of its nodes while it runs, which hold each step's command again.
_LIMIT_BYTES = 1_500_000
_FIXED_BYTES = 60_000
_STEP_BYTES = 6_000
_COPIES = 2
# Linux runs no program with one argument or variable beyond 128 KiB.
_LONGEST_TEXT = 128 * 1024 - 1


def check_size(spec: dict[str, Any], platform_spec: dict[str, Any]) -> None:
    """Check that the workflow fits into the cluster's store, and each command on a command line.

    Raises:
        InputError: One does not.
    """
    executors = spec["deploymentSpec"]["executors"]
    for name, executor in executors.items():
        _check_command(name.removeprefix("exec-"), executor["container"])
    size = estimate_workflow(spec, platform_spec)
    if size <= _LIMIT_BYTES:
        return
    largest = max(executors, key=lambda name: len(json.dumps(executors[name])))
    raise InputError(
        f"The workflow would have {size / 1e6:.1f} MB; a cluster stores at most {_LIMIT_BYTES / 1e6} MB.",
        cure=f"Split the pipeline ({len(executors)} steps), or pass large settings by file; the largest is "
        f"`{largest.removeprefix('exec-')}`, {len(json.dumps(executors[largest])) / 1000:.0f} kB.",
    )


def estimate_workflow(spec: dict[str, Any], platform_spec: dict[str, Any]) -> int:
    """Return the bytes of the Argo workflow near the end of a run, rather too many than too few."""
    executors = spec["deploymentSpec"]["executors"]
    quoted = sum(len(json.dumps(json.dumps(document))) for document in (spec, platform_spec))
    return quoted + _FIXED_BYTES + _COPIES * len(json.dumps(executors)) + _STEP_BYTES * len(executors)


def _check_command(step: str, container: dict[str, Any]) -> None:
    values = [*container["args"], *(f"{v['name']}={v['value']}" for v in container.get("env", ()))]
    longest = max(map(len, values))
    if longest > _LONGEST_TEXT:
        raise InputError(
            f"The step `{step}` would be started with an argument of {longest / 1000:.0f} kB.",
            cure=f"At most {_LONGEST_TEXT / 1000:.0f} kB can be passed: give large settings by file.",
        )
