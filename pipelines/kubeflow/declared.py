"""What the manifests declare: the one place where accounts and their rights are written down."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True)
class Right:
    """One thing that an account may do; `name` narrows it to one object when it is not empty."""

    verb: str
    group: str
    resource: str
    subresource: str = ""
    name: str = ""

    def __str__(self) -> str:
        """Return it as `kubectl auth can-i` writes it, e.g. `get pods/log`."""
        kind = self.resource + (f".{self.group}" if self.group else "")
        kind += f"/{self.subresource}" if self.subresource else ""
        return f"{self.verb} {kind} {self.name}".rstrip()


def accounts(base: Path) -> list[str]:
    """Return the names of the service accounts that the kustomization `base` has, sorted."""
    return sorted(one["metadata"]["name"] for one in _objects(base) if one["kind"] == "ServiceAccount")


def rights(base: Path, role: str) -> list[Right]:
    """Return what the kustomization `base` gives to the role called `role`."""
    return [
        right
        for one in _objects(base)
        if one["kind"] == "Role" and one["metadata"]["name"] == role
        for rule in one["rules"]
        for right in _rights(rule)
    ]


def _rights(rule: dict[str, Any]) -> Iterator[Right]:
    names = rule.get("resourceNames", [""])
    for group, resource, name, verb in product(rule["apiGroups"], rule["resources"], names, rule["verbs"]):
        kind, _, subresource = resource.partition("/")
        yield Right(verb, group, kind, subresource, name)


def _objects(base: Path) -> Iterator[dict[str, Any]]:
    # What lies beside it (model servers, the gateway) is for the overlays that ask for it.
    for name in yaml.safe_load((base / "kustomization.yaml").read_text(encoding="utf-8"))["resources"]:
        path = base / name
        if path.is_dir():
            yield from _objects(path)
            continue
        for one in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            if isinstance(one, dict) and "kind" in one:
                yield one
