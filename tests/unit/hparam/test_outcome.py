import pytest
from pydantic import ValidationError

from components.distributed.request import Request
from components.errors import InputError, LodestarError, NonFiniteError
from components.family import ComputeSettings
from hparam.outcome import Failure, Result, read_failure, read_result, read_values
from hparam.request import TrialRequest


def test_a_folder_without_anything_says_nothing(tmp_path):
    assert read_values(tmp_path) == []
    assert read_result(tmp_path) is None
    assert read_failure(tmp_path) is None


def test_values_are_in_the_order_of_steps_and_the_last_of_a_step_counts(tmp_path):
    (tmp_path / "values.jsonl").write_text(
        '{"step": 2, "value": 0.5}\n{"step": 1, "value": 0.9}\n{"step": 2, "value": 0.4}\n'
    )
    assert read_values(tmp_path) == [(1, 0.9), (2, 0.4)]


def test_lines_that_were_cut_off_are_left_out(tmp_path):
    (tmp_path / "values.jsonl").write_text('{"step": 1, "va\n{"step": 2, "value": 0.5}\n{"step": 3')
    assert read_values(tmp_path) == [(2, 0.5)]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"step": 1}', '{"step": 1, "value": null, "metrics": {}}'])
def test_half_a_result_is_none(tmp_path, text):
    (tmp_path / "result.json").write_text(text)
    assert read_result(tmp_path) is None


def test_a_result_has_all_metrics(tmp_path):
    (tmp_path / "result.json").write_text('{"step": 7, "value": 0.5, "metrics": {"rmse": 0.5, "mae": 0.4}}')
    assert read_result(tmp_path) == Result(7, 0.5, {"rmse": 0.5, "mae": 0.4})


@pytest.mark.parametrize(
    ("error", "reason", "message"),
    [
        (
            InputError("The split is empty.", cure="Mend.", source="train"),
            "input",
            "train: The split is empty.",
        ),
        (NonFiniteError("`rmse` is nan."), "non_finite", "`rmse` is nan."),
        (LodestarError("No room."), "error", "No room."),
        (KeyError("item"), "error", "KeyError: 'item'"),
        (RuntimeError("\nfirst\nsecond"), "error", "RuntimeError: first"),
        (MemoryError(), "error", "MemoryError"),
    ],
)
def test_a_failure_is_a_word_and_a_line(tmp_path, error, reason, message):
    Failure.of(error).write(tmp_path)
    assert read_failure(tmp_path) == Failure(reason, message)


@pytest.mark.parametrize(
    ("error", "reason"),
    [(NonFiniteError("nan."), "non_finite"), (InputError("bad."), "input"), (ValueError("x"), "error")],
)
def test_the_reason_of_a_replica_is_the_trials(tmp_path, error, reason):
    training = Request(str(tmp_path / "training"), ComputeSettings(workers=2), "run_fn", {})
    training.write()
    assert read_failure(tmp_path) is None
    training.write_failure("worker-0", error, 2 if isinstance(error, InputError) else 1)
    found = read_failure(tmp_path)
    assert found is not None and found.reason == reason


def test_settings_that_do_not_fit_together_are_the_users(tmp_path):
    with pytest.raises(ValidationError) as raised:
        TrialRequest.model_validate({"sweep": "try"})
    found = Failure.of(raised.value)
    assert found == Failure("input", "TrialRequest.trial: Field required.")
