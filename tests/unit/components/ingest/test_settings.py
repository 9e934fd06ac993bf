"""Wrong settings are refused, and loading settings loads nothing heavy."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from components.ingest.settings import RatingsData, TextCollectionData

GOOD = {"source": "sample", "rating_range": [1, 5], "split": {"method": "random"}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rating_range": [5, 1]}, "lowest rating must be below"),
        ({"rating_range": [1, float("inf")]}, "finite"),
        ({"encoding": "utf-9"}, "`utf-9` is not an encoding"),
        ({"encoding": "utf-16"}, "convert the files to utf-8"),
        ({"quoting": "sometimes"}, "quoting"),
        ({"colums": {}}, "colums"),
        ({"split": {"method": "files"}}, "split.train"),
    ],
)
def test_wrong_settings_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        RatingsData.model_validate({**GOOD, **change})


def test_settings_survive_json() -> None:
    data = RatingsData.model_validate({**GOOD, "columns": {"rating": "grade"}, "ignore_columns": ["x"]})

    assert RatingsData.model_validate_json(data.model_dump_json()) == data
    assert TextCollectionData(source="sample").encoding == "utf-8"


def test_importing_settings_imports_no_framework() -> None:
    code = (
        "import sys, components.ingest.settings; print(*sorted({m.partition('.')[0] for m in sys.modules}))"
    )

    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()

    assert not {"tensorflow", "tfx", "apache_beam", "numpy"} & set(loaded)
