"""The overlays as kustomize builds them; skipped where kubectl is absent."""

from __future__ import annotations

import functools
import shutil
from typing import Any

import pytest
import yaml

from tests.cluster.overlays import PLATFORMS, ROOT, build

Object = dict[str, Any]


@functools.cache
def _built(overlay: str) -> tuple[Object, ...]:
    return tuple(yaml.safe_load_all(build(ROOT / "manifests/overlays" / overlay)))


@pytest.fixture(params=tuple(PLATFORMS))
def overlay(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def platform_name(overlay: str) -> str:
    """The overlay that pipelines are compiled for where this one is applied."""
    return PLATFORMS[overlay]


@pytest.fixture
def objects(overlay: str) -> tuple[Object, ...]:
    if not shutil.which("kubectl"):
        pytest.skip("kubectl is not installed, and it is what builds the overlays")
    return _built(overlay)
