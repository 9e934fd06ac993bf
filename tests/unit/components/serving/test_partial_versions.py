"""Versions that appear file by file, in any order and with looks in between: none is loaded half."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from time import monotonic

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components import artifact
from components.serving.loader import Loader
from components.serving.memory import Memory
from components.serving.policy import Policy
from components.serving.source import Target, versions_in
from components.serving.versions import Versions

FILES = (
    "saved_model.pb",
    "fingerprint.pb",
    "variables/variables.index",
    "variables/variables.data",
    "assets/words",
)
EXAMPLES = int(os.environ.get("LODESTAR_INTERLEAVINGS", "100"))


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = tmp_path_factory.mktemp("complete") / "export"
    for number, name in enumerate(FILES):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(bytes([number]) * 3000)
    return artifact.publish(source, source.parent / "m", {})


class Fake:
    """A servable."""

    def close(self):
        pass


class World:
    """A model folder that is looked at, and what was loaded from it."""

    def __init__(self, root: Path, names: set[str]) -> None:
        self.root, self.names = root, names
        self.loaded: list[tuple[str, bool]] = []
        self.versions = Versions(Loader(artifact.verify, self._load, Memory()), lambda event: None)

    def _load(self, path: Path) -> Fake:
        there = {file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()}
        self.loaded.append((path.name, there == self.names))
        return Fake()

    def look(self) -> None:
        self.versions.aspire({"m": Target(Policy(falls_back=True), versions_in(self.root))})
        deadline = monotonic() + 10
        assert self.versions.wait_for(self.versions.is_idle, lambda: monotonic() > deadline)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.data())
def test_version_is_loaded_only_when_all_of_it_is_there(complete, data):
    names = [path.relative_to(complete).as_posix() for path in complete.rglob("*") if path.is_file()]
    pieces = [(name, half) for name in sorted(names) for half in (False, True)]
    order = data.draw(st.permutations(pieces))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        shutil.copytree(complete, root / "1")
        world = World(root, set(names))
        world.look()
        for name, is_rest in order:
            _write(complete / name, root / "2" / name, is_rest)
            if data.draw(st.booleans()):
                world.look()
        world.look()
        assert world.loaded == [("1", True), ("2", True)]
        world.versions.close(1)


def _write(source: Path, target: Path, is_rest: bool) -> None:
    """Write one half of a file, at its place; the other half may come before or after."""
    content, middle = source.read_bytes(), source.stat().st_size // 2
    target.parent.mkdir(parents=True, exist_ok=True)
    target.touch()
    with target.open("r+b") as file:
        file.seek(middle if is_rest else 0)
        file.write(content[middle:] if is_rest else content[:middle])
