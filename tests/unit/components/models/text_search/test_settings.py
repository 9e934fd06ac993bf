import subprocess
import sys

import pytest
import yaml
from pydantic import ValidationError

from components.models.text_search import FAMILY, TextSearchSettings

from .conftest import FOLDER, configured


def test_the_default_settings_are_complete_and_valid():
    settings = configured()
    assert settings.train.encoder == "fused"
    assert settings.evaluate.metric == "ndcg@10"
    assert settings.evaluate.thresholds.live == 0


@pytest.mark.parametrize(
    ("section", "key"), [("transform", "stemer"), ("train", "k2"), ("serve", "k"), ("evaluate", "metrics")]
)
def test_an_unknown_key_is_an_error(section, key):
    with pytest.raises(ValidationError, match=key):
        configured(**{section: {key: 1}})


def test_every_setting_must_be_given():
    config = yaml.safe_load((FOLDER / "config.yaml").read_text())
    del config["train"]["b"]
    with pytest.raises(ValidationError, match=r"train\.b"):
        TextSearchSettings.model_validate(config)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": [1.0]}, "1 weights for 2 encoders"),
        ({"fuse": ["bm25", "bm25"]}, "names an encoder twice"),
        ({"fuse": ["bm25"], "weights": [1.0]}, "at least 2"),
        ({"weights": [0.0, 1.0]}, "first > 0"),
        ({"weights": [1.0, -1.0]}, ">= 0"),
        ({"b": 1.5}, "less than or equal to 1"),
        ({"encoder": "bert"}, "tfidf"),
    ],
)
def test_values_that_make_no_sense_are_errors(change, message):
    with pytest.raises(ValidationError, match=message):
        configured(train=change)


def test_the_family_needs_no_tensorflow_to_be_found():
    code = (
        "import sys; from components.family import find_family; find_family('text-search');"
        "print([m for m in ('tensorflow', 'tfx', 'apache_beam', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_command_in_the_config_names_the_family():
    assert f"lodestar run {FAMILY.name}" in (FOLDER / "config.yaml").read_text().splitlines()[0]
