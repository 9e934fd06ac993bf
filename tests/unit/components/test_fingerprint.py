from __future__ import annotations

from pathlib import Path

import pytest

from components import fingerprint


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    files = {
        "components/__init__.py": "",
        "components/shared.py": "x = 1\n",
        "components/unused.py": "y = 1\n",
        "components/models/__init__.py": "",
        "components/models/toy/__init__.py": "",
        "components/models/toy/network.py": "from components.shared import x\n",
        "components/models/toy/trainer.py": "import numpy\nfrom . import network\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(fingerprint, "_ROOT", tmp_path)
    return tmp_path


TRAINER = "components.models.toy.trainer"


@pytest.mark.parametrize(
    "changed",
    ["components/shared.py", "components/models/toy/network.py", "components/models/toy/__init__.py"],
)
def test_fingerprint_changes_with_code_that_is_imported(tree: Path, changed: str) -> None:
    before = fingerprint.code_fingerprint(TRAINER)
    with (tree / changed).open("a") as file:
        file.write("# changed\n")
    assert fingerprint.code_fingerprint(TRAINER) != before


def test_fingerprint_does_not_change_with_code_that_is_not(tree: Path) -> None:
    before = fingerprint.code_fingerprint(TRAINER)
    (tree / "components/unused.py").write_text("y = 2\n")
    assert fingerprint.code_fingerprint(TRAINER) == before
