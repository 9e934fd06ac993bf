"""The list of models of a server (ModelServerConfig), as it follows from what is deployed."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from google.protobuf import text_format

from components.deployment import messages
from components.deployment.state import Deployment

PLATFORM = "tensorflow"
Usable = Callable[[str, int], bool]


def always(family: str, version: int) -> bool:
    """Return True: every server has every version."""
    del family, version
    return True


@dataclass(frozen=True)
class Wanted:
    """What a server should have of one family.

    Attributes:
        family: The model's name.
        versions: The versions to load; empty: the newest.
        labels: Label -> version.
    """

    family: str
    versions: tuple[int, ...] = ()
    labels: Mapping[str, int] | None = None

    @classmethod
    def of(cls, family: str, deployment: Deployment | None, *, with_loading: bool = False) -> Wanted:
        """Return what a deployment asks for; without one the family follows the newest version.

        Args:
            family: The model's name.
            deployment: What is deployed.
            with_loading: Ask for the version that is being loaded as well.
        """
        if deployment is None:
            return cls(family)
        more = {deployment.loading} if with_loading and deployment.loading is not None else set()
        return cls(family, tuple(sorted({*deployment.versions, *more})), deployment.labels)

    def where(self, usable: Usable) -> Wanted:
        """Return the same with labels only for versions that are usable."""
        labels = (self.labels or {}).items()
        return replace(self, labels={name: v for name, v in labels if usable(self.family, v)})


def server_config(wanted: Iterable[Wanted], root: str) -> Any:
    """Return the message for a server that sees the family's versions at `<root>/<family>/<version>`."""
    config = messages.ModelServerConfig()
    for one in sorted(wanted, key=lambda one: one.family):
        model = config.model_config_list.config.add(
            name=one.family, base_path=posixpath.join(root, one.family), model_platform=PLATFORM
        )
        if one.versions:
            model.model_version_policy.specific.versions.extend(one.versions)
        else:
            model.model_version_policy.latest.num_versions = 1
        model.version_labels.update(one.labels or {})
    return config


def server_config_text(wanted: Iterable[Wanted], root: str) -> str:
    """Return the same as the text that `--model_config_file` takes."""
    return text_format.MessageToString(server_config(wanted, root))
