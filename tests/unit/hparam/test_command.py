from __future__ import annotations

import shlex

from components.family import find_family
from hparam.command import training_command
from hparam.spec import Inputs, SweepSpec
from pipelines.cli import parser
from pipelines.settings import load_settings

POINT = {"train.learning_rate": 1e-05, "train.dimensions": 17, "evaluate.relevant_from": 4.0}


def spec(*overrides: str) -> SweepSpec:
    family = find_family("matrix-factorization")
    return SweepSpec(
        name="films",
        family=family.name,
        metric="rmse",
        higher_is_better=False,
        space={},
        settings=load_settings(family, overrides=overrides).model_dump(mode="json"),
        inputs=Inputs(examples="/e", transform_graph="/g"),
    )


def test_command_leads_back_to_the_settings_of_the_trial() -> None:
    swept = spec("data.source=my films", "data.rating_range=[1, 5]", "train.epochs=7")
    words = shlex.split(training_command(swept, POINT))
    assert words[:3] == ["lodestar", "run", "matrix-factorization"]
    arguments = parser().parse_args(words[1:])
    settings = load_settings(find_family(arguments.family), overrides=arguments.set)
    assert settings.train.learning_rate == 1e-05
    assert (settings.train.dimensions, settings.train.epochs) == (17, 7)
    assert settings.data.source == "my films"
    assert tuple(settings.data.rating_range) == (1, 5)
    assert settings.evaluate.relevant_from == 4.0


def test_defaults_are_not_spelled_out() -> None:
    assert training_command(spec(), {}) == "lodestar run matrix-factorization"
