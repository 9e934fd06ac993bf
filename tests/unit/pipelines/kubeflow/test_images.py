"""Which image a name stands for."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from components.errors import InputError
from pipelines.kubeflow.images import resolve_image
from pipelines.kubeflow.platform import load_platform, overlays

DIGEST = "sha256:" + "a" * 64


def images(folder: Path, *entries: dict[str, str]) -> Path:
    file = folder / "kustomization.yaml"
    file.write_text(yaml.safe_dump({"kind": "Component", "images": list(entries)}))
    return file


@pytest.mark.parametrize(
    ("entry", "reference"),
    [
        ({"name": "a/b", "newTag": "1.0"}, "a/b:1.0"),
        ({"name": "a/b", "newName": "registry:5000/c", "newTag": "1.0"}, "registry:5000/c:1.0"),
        ({"name": "a/b", "newTag": "1.0", "digest": DIGEST}, f"a/b@{DIGEST}"),
    ],
)
def test_name_is_replaced_as_kustomize_does(tmp_path: Path, entry: dict[str, str], reference: str) -> None:
    assert resolve_image("a/b", images(tmp_path, entry)) == reference


@pytest.mark.parametrize("reference", ["other:2", f"registry:5000/other@{DIGEST}", f"other:2@{DIGEST}"])
def test_pinned_reference_stands_for_itself(tmp_path: Path, reference: str) -> None:
    assert resolve_image(reference, images(tmp_path, {"name": "a/b", "newTag": "1"})) == reference


@pytest.mark.parametrize("reference", ["other", "other:latest", "registry:5000/other"])
def test_image_that_may_change_is_refused(tmp_path: Path, reference: str) -> None:
    with pytest.raises(InputError, match="is not pinned") as caught:
        resolve_image(reference, images(tmp_path, {"name": "a/b", "newTag": "1"}))
    assert "listed images: a/b" in str(caught.value)


@pytest.mark.parametrize("reference", ["UPPER:1", "a b:1", "a:1@sha256:short", ""])
def test_what_is_no_reference_is_refused(tmp_path: Path, reference: str) -> None:
    with pytest.raises(InputError, match="is not an image reference"):
        resolve_image(reference, images(tmp_path))


@pytest.mark.parametrize("overlay", overlays())
def test_image_of_every_overlay_is_pinned(overlay: str) -> None:
    assert resolve_image(load_platform(overlay).image)
