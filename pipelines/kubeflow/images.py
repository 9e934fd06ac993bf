"""Which image a name stands for: `manifests/images/kustomization.yaml` has the tags and digests."""

from __future__ import annotations

import re
from pathlib import Path

from components.errors import InputError
from pipelines.kubeflow.manifest import read_manifest
from pipelines.kubeflow.platform import MANIFESTS

_FILE = MANIFESTS / "images" / "kustomization.yaml"
_PART = r"[a-z0-9][a-z0-9._-]*"
_REFERENCE = re.compile(
    rf"({_PART}(:\d+)?/)?{_PART}(/{_PART})*(:(?P<tag>\w[\w.-]{{0,127}}))?(@(?P<digest>sha256:[0-9a-f]{{64}}))?"
)


def resolve_image(name: str, file: Path = _FILE) -> str:
    """Return the pinned reference of an image.

    Args:
        name: A name that `file` lists, or a reference with a tag or digest, which stands for itself.
        file: A kustomization with `images`.

    Raises:
        InputError: It is neither, or its tag is `latest`, which may be another image tomorrow.
    """
    known = _listed(file)
    reference = known.get(name, name)
    match = _REFERENCE.fullmatch(reference)
    if not match:
        raise InputError(f"`{reference}` is not an image reference.", cure="Write name:tag or name@digest.")
    if match["digest"] is None and match["tag"] in (None, "latest"):
        listed = ", ".join(known) or "none"
        raise InputError(
            f"The image `{reference}` is not pinned.",
            source=str(file) if name in known else "",
            cure=f"Give it a tag other than `latest`, or a digest; listed images: {listed}.",
        )
    return reference


def _listed(file: Path) -> dict[str, str]:
    content = read_manifest(file, "the images", "Run from a checkout of the project, or give --image.")
    return {image["name"]: _reference(image) for image in content.get("images", [])}


def _reference(image: dict[str, str]) -> str:
    name = image.get("newName", image["name"])
    if image.get("digest"):
        return f"{name}@{image['digest']}"
    return f"{name}:{image['newTag']}" if image.get("newTag") else name
