"""What reviews should not have to repeat: sizes of files and functions, shape of error messages."""

from __future__ import annotations

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(path for top in ("pipelines", "hparam", "components") for path in (ROOT / top).rglob("*.py"))
ERRORS = {"InputError", "LodestarError", "NodeFailed"}


def _code_lines(path: Path) -> int:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    lines: set[int] = set()
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if isinstance(node, ast.stmt) and not is_text:
            lines |= {node.lineno, getattr(node, "end_lineno", node.lineno)}
    return len(lines)


def _functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _messages() -> Iterator[tuple[str, ast.expr]]:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in ERRORS
                and node.args
            ):
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node.args[0]


def _last_character(message: ast.expr) -> str | None:
    if isinstance(message, ast.JoinedStr):
        message = message.values[-1]
    return message.value[-1] if isinstance(message, ast.Constant) and isinstance(message.value, str) else None


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_file_is_small_enough_to_read(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_functions_are_small_enough_to_read(path: Path) -> None:
    long = [
        f"{f.name} {f.end_lineno - f.lineno + 1}" for f in _functions(path) if f.end_lineno - f.lineno >= 60
    ]
    assert long == []


def test_most_files_and_functions_are_short() -> None:
    assert statistics.median(map(_code_lines, SOURCES)) <= 80
    lengths = [f.end_lineno - f.body[0].lineno + 1 for path in SOURCES for f in _functions(path)]
    assert statistics.median(lengths) <= 10


def test_every_error_message_ends_with_a_period() -> None:
    ends = {place: _last_character(message) for place, message in _messages()}
    assert len(ends) > 20
    assert {place: end for place, end in ends.items() if end not in (None, ".")} == {}


def test_module_names_say_what_is_inside() -> None:
    vague = {"utils.py", "helpers.py", "common.py", "misc.py"}
    assert [path for path in SOURCES if path.name in vague] == []
