"""Settings and platform checked against each other, before TFX is loaded."""

from __future__ import annotations

import subprocess
import sys

import pytest

from components.errors import InputError
from pipelines.kubeflow.build import check_source, prepare
from pipelines.kubeflow.platform import load_platform


@pytest.mark.parametrize(
    "source", ["sample", "ml-100k", "gs://bucket/data", "/lodestar/data/mine", "/lodestar"]
)
def test_source_that_a_pod_can_see_passes(source: str) -> None:
    check_source(source, load_platform("kind-cpu"))


@pytest.mark.parametrize(
    "source", ["ratings", "./ratings", "/home/me/ratings", "/lodestarry", "ml-100", "~/x"]
)
def test_source_of_this_machine_is_refused_with_where_to_put_it(source: str) -> None:
    with pytest.raises(InputError, match="neither a data set nor on a volume of the cluster") as caught:
        check_source(source, load_platform("kind-cpu"))
    assert "/lodestar/data/mine" in str(caught.value) and "gs://" in str(caught.value)


def test_wrong_setting_is_told_with_its_option() -> None:
    with pytest.raises(InputError, match=r"--set train\.epochs=many"):
        prepare("matrix-factorization", "kind-cpu", None, ["train.epochs=many"])


def test_checks_load_no_tensorflow() -> None:
    code = (
        "import sys; from pipelines.kubeflow.build import prepare;"
        "prepare('text-search', 'gpu', None, []); assert 'tensorflow' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
