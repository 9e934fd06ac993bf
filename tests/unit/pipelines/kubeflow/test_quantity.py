"""Resource quantities."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.kubeflow.platform import PodSettings
from pipelines.kubeflow.pods import container_resources
from pipelines.kubeflow.quantity import parse_quantity


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("500m", "0.5"),
        ("2", "2"),
        ("1.5", "1.5"),
        (".5", "0.5"),
        ("2k", "2000"),
        ("4Gi", str(4 * 2**30)),
        ("1M", "1e6"),
    ],
)
def test_quantity_is_the_number_that_kubernetes_reads(text: str, number: str) -> None:
    assert parse_quantity(text) == Decimal(number)


@pytest.mark.parametrize("text", ["", "Gi", "1 Gi", "1gb", "1GB", "-1", "0", "0m", "1e3e", "1,5", "²"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity above 0"):
        parse_quantity(text)


@given(st.integers(1, 10**6), st.sampled_from(["m", "", "k", "Mi", "Gi", "G"]))
def test_resources_of_a_container_are_the_same_amounts_in_cores_and_gigabytes(n: int, suffix: str) -> None:
    text = f"{n}{suffix}"
    found = container_resources(PodSettings(cpu=text, memory_limit=text))
    assert found["cpuRequest"] == float(parse_quantity(text))
    # A double holds 15 digits and more.
    assert found["memoryLimit"] * 1e9 == pytest.approx(float(parse_quantity(text)), rel=1e-12)
