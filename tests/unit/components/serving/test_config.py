from __future__ import annotations

from pathlib import Path

import pytest

from components.errors import InputError
from components.serving.config import Config, ModelConfig, read
from components.serving.policy import Policy

MODEL = 'config { name: "m" base_path: "/m" model_platform: "tensorflow" %s }'


def parse(tmp_path, *models):
    path = tmp_path / "models.config"
    path.write_text(f"model_config_list {{ {' '.join(models)} }}")
    return read(path)


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("", Policy()),
        ("model_version_policy { latest {} }", Policy()),
        ("model_version_policy { latest { num_versions: 3 } }", Policy(num_versions=3)),
        ("model_version_policy { all {} }", Policy("all")),
        (
            "model_version_policy { specific { versions: 4 versions: 7 } }",
            Policy("specific", versions=frozenset({4, 7})),
        ),
    ],
)
def test_policy_is_read(tmp_path, text, policy):
    config = parse(tmp_path, MODEL % text)
    assert config == Config((ModelConfig("m", Path("/m"), policy),))


def test_labels_and_the_old_way_to_name_the_platform_are_read(tmp_path):
    text = (
        'config { name: "m" base_path: "/m" model_type: TENSORFLOW version_labels { key: "stable" value: 4 }'
        ' version_labels { key: "canary" value: 5 } }'
    )
    [model] = parse(tmp_path, text).models
    assert (model.labels, model.platform) == ({"stable": 4, "canary": 5}, "tensorflow")


@pytest.mark.parametrize("text", ["", "# only a comment\n"])
def test_file_that_says_nothing_is_no_configuration(tmp_path, text):
    path = tmp_path / "models.config"
    path.write_text(text)
    assert read(path) is None


@pytest.mark.parametrize(
    ("models", "problem"),
    [
        ([MODEL % "", MODEL % ""], "Illegal to list model m multiple times in config list"),
        (
            ['config { name: "m" base_path: "m" model_platform: "tensorflow" }'],
            "Expected model m to have an absolute path or URI; got base_path()=m",
        ),
        (
            ['config { name: "m" model_platform: "tensorflow" }'],
            "Expected model m to have an absolute path or URI; got base_path()=",
        ),
        (['config { name: "m" base_path: "/m" }'], "Illegal setting neither ModelServerConfig::model_type"),
        (["config { nom: 4 }"], "nom"),
        (["config { name: "], "Cannot read the model configuration"),
    ],
)
def test_configuration_that_contradicts_itself_says_how(tmp_path, models, problem):
    with pytest.raises(InputError) as caught:
        parse(tmp_path, *models)
    assert problem in caught.value.problem
    assert caught.value.source == str(tmp_path / "models.config")


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_file_that_cannot_be_read_says_so(tmp_path, content):
    path = tmp_path / "models.config"
    if content:
        path.write_bytes(content)
    with pytest.raises(InputError, match="Cannot read the model configuration"):
        read(path)


def test_configuration_of_another_kind_is_refused(tmp_path):
    path = tmp_path / "models.config"
    path.write_text("custom_model_config { }")
    with pytest.raises(InputError, match="Cannot transition to requested config"):
        read(path)
