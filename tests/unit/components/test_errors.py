from __future__ import annotations

import pickle

import pytest

from components.errors import InputError, LodestarError


@pytest.mark.parametrize("kind", [LodestarError, InputError])
def test_error_survives_pickling_between_stages(kind: type[LodestarError]) -> None:
    error = pickle.loads(pickle.dumps(kind("Bad row.", cure="Mend it.", source="a.csv", line=3)))
    assert type(error) is kind
    assert str(error) == "a.csv:3: Bad row.\n  Mend it."


def test_place_is_left_out_when_there_is_none() -> None:
    assert str(InputError("Bad.", cure="Mend it.")) == "Bad.\n  Mend it."
    assert str(InputError("Bad.", source="train.epochs")) == "train.epochs: Bad."


def test_exit_codes_tell_bad_input_from_failed_work() -> None:
    assert (InputError("x").exit_code, LodestarError("x").exit_code) == (2, 1)
