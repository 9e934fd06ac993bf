"""Sizes that are refused before the API server does."""

from __future__ import annotations

from typing import Any

import pytest

from components.errors import InputError
from pipelines.kubeflow.limits import check_size, estimate_workflow


def spec(steps: int, kilobytes: int, env: str = "") -> dict[str, Any]:
    container = {"args": ["x" * 1000 * kilobytes], "env": [{"name": "A", "value": env}]}
    executors = {f"exec-step-{n}": {"container": container} for n in range(steps)}
    return {"deploymentSpec": {"executors": executors}}


def test_pipeline_of_a_hundred_steps_passes() -> None:
    check_size(spec(steps=100, kilobytes=1), {})


def test_workflow_beyond_the_store_names_the_largest_step() -> None:
    large = spec(steps=10, kilobytes=60)
    assert estimate_workflow(large, {}) > 1_500_000
    with pytest.raises(InputError, match=r"stores at most 1.5 MB.\n.*10 steps.*`step-0`"):
        check_size(large, {})


@pytest.mark.parametrize("large", [spec(1, 140), spec(1, 1, env="x" * 140_000)])
def test_argument_or_variable_that_linux_cannot_pass_is_refused(large: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="`step-0` would be started with an argument of 140 kB"):
        check_size(large, {})
