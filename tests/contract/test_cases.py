"""The table of cases and the ids of the tests say the same."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.cases import BY_FILE, LIFE

HERE = Path(__file__).parent
CASE = re.compile(r"[RJTCP]\d+(?=-|$)")


def ids(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.keyword) and node.arg in ("id", "ids"):
            for part in ast.walk(node.value):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield part.value


def cases(path: Path) -> set[str]:
    return {match[0] for text in ids(path) if (match := CASE.match(text))}


@pytest.mark.parametrize("name", sorted(path.name for path in HERE.glob("test_*.py")))
def test_a_file_has_the_cases_that_the_table_says_and_no_other(name):
    assert cases(HERE / name) == set(BY_FILE.get(name, {}))


def test_each_case_is_in_one_file():
    every = [case for in_file in BY_FILE.values() for case in in_file]
    assert len(every) == len(set(every)) == 74


def test_ids_are_not_used_twice_in_a_file():
    for name in BY_FILE:
        used = [text for text in ids(HERE / name) if CASE.match(text)]
        assert len(used) == len(set(used)), name


@pytest.mark.parametrize("name", sorted(path.name for path in HERE.glob("test_*.py")))
def test_a_file_names_the_cases_of_the_life_of_versions_once_each(name):
    named = re.findall(r"^def test_.*:  # ([VLX]\d+)$", (HERE / name).read_text(), re.MULTILINE)
    assert sorted(named) == sorted(LIFE.get(name, {}))
