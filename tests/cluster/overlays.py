"""Overlays as kustomize builds them, moved into a test's namespace."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
OVERLAYS = ("kind-cpu", "gpu", "tpu")
# What is built of a folder's own kustomization, and the overlay that pipelines are compiled for there.
PLATFORMS = {**{name: name for name in OVERLAYS}, "lab": "kind-cpu"}


def build(folder: Path) -> str:
    """Return the YAML that kustomize makes of a folder."""
    return subprocess.run(
        ["kubectl", "kustomize", str(folder)], check=True, capture_output=True, text=True, timeout=120
    ).stdout


def platform(overlay: str) -> dict[str, Any]:
    """Return what the compiler reads of an overlay."""
    text = (ROOT / "manifests/overlays" / PLATFORMS[overlay] / "platform.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)


def rewritten(
    overlay: str, namespace: str, scratch: Path, folder: Path | None = None, components: Sequence[str] = ()
) -> str:
    """Return an overlay built for `namespace`, with its host path volume, if any, named so and at `folder`.

    Volumes belong to no namespace, so their names have to differ from the ones in use. `components` are
    folders of `manifests/components` to add.
    """
    base = os.path.relpath(ROOT / "manifests/overlays" / overlay, scratch)
    kustomization: dict[str, Any] = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": namespace,
        "resources": [base],
        "components": [os.path.relpath(ROOT / "manifests/components" / one, scratch) for one in components],
    }
    if folder:
        kustomization["patches"] = [
            _patch("PersistentVolume", {"metadata/name": namespace, "spec/storageClassName": namespace})
            | {"options": {"allowNameChange": True}},
            _patch("PersistentVolume", {"spec/hostPath/path": str(folder)}),
            _patch(
                "PersistentVolumeClaim",
                {"spec/volumeName": namespace, "spec/storageClassName": namespace},
            ),
        ]
    (scratch / "kustomization.yaml").write_text(yaml.safe_dump(kustomization), encoding="utf-8")
    return build(scratch)


def _patch(kind: str, values: dict[str, str]) -> dict[str, Any]:
    operations = [{"op": "replace", "path": f"/{path}", "value": value} for path, value in values.items()]
    return {"target": {"kind": kind, "name": "lodestar"}, "patch": yaml.safe_dump(operations)}
