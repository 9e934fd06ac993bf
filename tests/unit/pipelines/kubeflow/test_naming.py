"""Names of tasks."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.errors import InputError
from pipelines.kubeflow.naming import check_parameter_names, kubernetes_name, pipeline_name, task_names


@pytest.mark.parametrize(
    ("node", "name"),
    [
        ("StatisticsGen", "statistics-gen"),
        ("CsvExampleGen.one", "csv-example-gen-one"),
        ("latest_blessed_model", "latest-blessed-model"),
        ("BERTTrainer2", "bert-trainer2"),
        ("-x-", "x"),
    ],
)
def test_words_are_kept_apart(node: str, name: str) -> None:
    assert kubernetes_name(node) == name


@given(st.text(max_size=60))
def test_name_is_a_dns_label_or_refused(node: str) -> None:
    try:
        name = task_names([node])[node]
    except InputError:
        return
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", name)
    # As the SDK of Kubeflow Pipelines mangles a name.
    assert re.sub(r"-+", "-", re.sub(r"[^-0-9a-z]+", "-", name.lower())).strip("-") == name


def test_nodes_that_would_share_a_step_are_named_both() -> None:
    with pytest.raises(InputError, match=r"`Trainer\.a` and `trainer_a` would both be the step `trainer-a`"):
        task_names(["Trainer.a", "trainer_a"])


@pytest.mark.parametrize("node", ["", "---", "ü", "N" * 53])
def test_empty_or_long_name_is_refused(node: str) -> None:
    with pytest.raises(InputError, match="with 1 to 52 letters and digits"):
        task_names([node])


def test_long_pipeline_name_is_refused() -> None:
    assert pipeline_name("My pipeline") == "my-pipeline"
    with pytest.raises(InputError, match="1 to 128"):
        pipeline_name("p" * 129)


@pytest.mark.parametrize("name", ["it's", "a b", "", "1st", "a.b", "{{$}}"])
def test_parameter_that_no_placeholder_can_name_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="cannot be a pipeline's parameter"):
        check_parameter_names({name: 1}, reserved=())


def test_parameter_of_ours_is_refused() -> None:
    check_parameter_names({"train-steps": 1, "_x": 2}, reserved=("pipeline_root",))
    with pytest.raises(InputError, match="`pipeline_root` is one that every pipeline has"):
        check_parameter_names({"pipeline_root": 1}, reserved=("pipeline_root",))
