"""Give names to versions, and move them only to versions that serve."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from .config import ModelConfig
from .errors import UNKNOWN_LABEL, Code, ServingError, invalid

Labels = Mapping[str, Mapping[str, int]]


def assign(
    models: Iterable[ModelConfig],
    available: Callable[[str], Collection[int]],
    current: Labels,
    *,
    allow_unused: bool = False,
    allow_any: bool = False,
) -> Labels:
    """Return the labels that a configuration asks for: model -> label -> version.

    Args:
        models: What is to be served.
        available: Returns the versions of a model that serve now.
        current: The labels in use.
        allow_unused: A label may be given to a version that does not serve, unless it would move there.
        allow_any: Any label may be given to a version that does not serve.

    Raises:
        ServingError: FAILED_PRECONDITION: a label would point at a version that does not serve. It must be
            loaded first, by a configuration that lists it and leaves the label where it is.
    """
    assigned = {}
    for model in models:
        serving = available(model.name)
        before = current.get(model.name, {})
        for label, version in model.labels.items():
            stays = before.get(label, version) == version
            if version not in serving and not (allow_any or (allow_unused and stays)):
                raise ServingError(
                    Code.FAILED_PRECONDITION,
                    f"Request to assign label to version {version} of model {model.name}, which is not"
                    " currently available for inference",
                )
        if model.labels:
            assigned[model.name] = dict(model.labels)
    return assigned


def resolve(labels: Labels, model: str, label: str) -> int:
    """Return the version that a label names.

    Raises:
        ServingError: INVALID_ARGUMENT: there is no such label.
    """
    version = labels.get(model, {}).get(label)
    if version is None:
        raise invalid(f"{UNKNOWN_LABEL}: {label}")
    return version
