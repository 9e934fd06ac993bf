"""Names that Kubeflow Pipelines and Kubernetes accept for what TFX calls a node."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from components.errors import InputError

# Argo prefixes the names of templates and labels; Kubernetes ends a label at 63 characters.
_LONGEST_TASK = 52
# `display_name` and pod names are made from it.
_LONGEST_PIPELINE = 128


def kubernetes_name(name: str) -> str:
    """Return `name` in lower case with `-` between words: `StatisticsGen` -> `statistics-gen`.

    What Kubeflow Pipelines makes of a name in turn is the same name.
    """
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name)
    return re.sub(r"[^a-z0-9]+", "-", apart.lower()).strip("-")


def task_names(node_ids: Sequence[str]) -> dict[str, str]:
    """Return node id -> task name.

    Raises:
        InputError: A name is empty or too long, or two nodes get the same one.
    """
    owners: dict[str, str] = {}
    for node in node_ids:
        name = kubernetes_name(node)
        _check(node, name, _LONGEST_TASK, "node")
        if name in owners:
            raise InputError(
                f"The nodes `{owners[name]}` and `{node}` would both be the step `{name}`.",
                cure="Give one of them another id: `.with_id(...)`.",
            )
        owners[name] = node
    return {node: name for name, node in owners.items()}


def pipeline_name(name: str) -> str:
    """Return the name of a pipeline.

    Raises:
        InputError: It is empty or too long.
    """
    mangled = kubernetes_name(name)
    _check(name, mangled, _LONGEST_PIPELINE, "pipeline")
    return mangled


def check_parameter_names(parameters: Mapping[str, object], reserved: Sequence[str]) -> None:
    """Check that runtime parameters can be named in a placeholder.

    Raises:
        InputError: A name is ours, or has characters that a placeholder cannot hold.
    """
    for name in parameters:
        if name in reserved:
            raise InputError(
                f"The runtime parameter `{name}` is one that every pipeline has.", cure="Rename it."
            )
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", name):
            raise InputError(
                f"The runtime parameter `{name}` cannot be a pipeline's parameter.",
                cure="Use letters, digits, `_` and `-`, and begin with a letter.",
            )


def _check(name: str, mangled: str, longest: int, what: str) -> None:
    if not mangled or len(mangled) > longest:
        raise InputError(
            f"The {what} `{name}` would be called `{mangled}`, {len(mangled)} characters long.",
            cure=f"Name it with 1 to {longest} letters and digits.",
        )
