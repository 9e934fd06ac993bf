import subprocess
import sys

import pytest
from pydantic import ValidationError

from components.family import find_family

from .conftest import settings


def test_defaults_are_valid_and_gate_on_rmse():
    defaults = settings()
    assert defaults.evaluate.metric == "rmse"
    assert not defaults.evaluate.higher_is_better


def test_family_is_found_by_its_name():
    family = find_family("matrix-factorization")
    assert family.settings is type(settings())
    assert family.splits == ("train", "eval", "items", "users")


@pytest.mark.parametrize("change", [{"bias_damping": 40.0}, {"embedding_l2": 35.0}])
def test_a_penalty_that_would_overshoot_is_refused_with_its_size(change):
    with pytest.raises(ValidationError, match=r"learning_rate \* \w+ = 1\.\d+ must be below 1"):
        settings(train=change)


@pytest.mark.parametrize("size", [0, 1024])
def test_batch_sizes_that_lose_determinism_are_refused(size):
    with pytest.raises(ValidationError, match="batch_size"):
        settings(train={"batch_size": size})


def test_settings_load_without_tensorflow():
    code = """
import sys
import components.models.matrix_factorization
assert not {"tensorflow", "tfx", "apache_beam"} & {*sys.modules}
"""
    subprocess.run([sys.executable, "-c", code], check=True)
