from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from components import artifact
from components.errors import LodestarError


@pytest.fixture
def model(tmp_path: Path) -> Path:
    source = tmp_path / "export"
    (source / "variables").mkdir(parents=True)
    (source / "saved_model.pb").write_bytes(b"graph" * 1000)
    (source / "variables" / "variables.index").write_bytes(b"weights")
    return source


def test_versions_grow_by_one_and_each_is_complete(model: Path, tmp_path: Path) -> None:
    root = tmp_path / "serving" / "m"
    pushed = [artifact.publish(model, root, {"family": "m"}) for _ in range(3)]
    assert [path.name for path in pushed] == ["1", "2", "3"]
    for path in pushed:
        artifact.verify(path)
        assert artifact.provenance(path)["version"] == int(path.name)
    assert artifact.versions(root) == [1, 2, 3]


def test_number_of_a_removed_version_never_comes_back(model: Path, tmp_path: Path) -> None:
    root = tmp_path / "m"
    for _ in range(2):
        artifact.publish(model, root, {})
    (root / "2").rename(tmp_path / "gone")
    assert artifact.publish(model, root, {}).name == "3"
    assert [entry["version"] for entry in artifact.history(root)] == [1, 2, 3]


def test_manifest_is_in_sha256sum_format(model: Path, tmp_path: Path) -> None:
    version = artifact.publish(model, tmp_path / "m", {})
    subprocess.run(["sha256sum", "--check", "--strict", artifact.MANIFEST], cwd=version, check=True)


def _tamper_change(version: Path) -> None:
    (version / "saved_model.pb").write_bytes(b"other")


def _tamper_remove(version: Path) -> None:
    (version / "variables" / "variables.index").unlink()


def _tamper_add(version: Path) -> None:
    (version / "extra").write_bytes(b"")


def _tamper_link(version: Path) -> None:
    (version / "saved_model.pb").unlink()
    (version / "saved_model.pb").symlink_to("/etc/hostname")


def _tamper_manifest(version: Path) -> None:
    (version / artifact.MANIFEST).unlink()


def _tamper_line(version: Path) -> None:
    (version / artifact.MANIFEST).write_text("no sum here\n")


@pytest.mark.parametrize(
    ("tamper", "words"),
    [
        (_tamper_change, "the manifest says"),
        (_tamper_remove, "missing"),
        (_tamper_add, "not in the manifest"),
        (_tamper_link, "link"),
        (_tamper_manifest, "has no MANIFEST"),
        (_tamper_line, "line 1"),
    ],
)
def test_tampered_version_is_refused_with_the_reason(model: Path, tmp_path: Path, tamper, words: str) -> None:
    version = artifact.publish(model, tmp_path / "m", {})
    tamper(version)
    with pytest.raises(LodestarError, match=words):
        artifact.verify(version)


_PUBLISH_ON_A_SMALL_DISK = """
import resource, sys
from pathlib import Path
from components import artifact
from components.errors import LodestarError
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))
try:
    artifact.publish(Path(sys.argv[1]), Path(sys.argv[2]), {})
except LodestarError as error:
    print(error)
    sys.exit(error.exit_code)
"""


def test_full_disk_shows_nothing_and_the_next_push_succeeds(model: Path, tmp_path: Path) -> None:
    root = tmp_path / "m"
    code = [sys.executable, "-c", _PUBLISH_ON_A_SMALL_DISK, str(model), str(root)]
    failed = subprocess.run(code, capture_output=True, text=True, cwd=Path.cwd())
    assert failed.returncode == 2, failed.stderr
    assert "disk is full" in failed.stdout
    assert "Traceback" not in failed.stderr
    assert list(root.iterdir()) == []
    assert artifact.publish(model, root, {}).name == "1"
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


_PUBLISH_AT_THE_SAME_TIME = """
import sys, time
from pathlib import Path
from components import artifact
time.sleep(max(0.0, float(sys.argv[3]) - time.time()))
print(artifact.publish(Path(sys.argv[1]), Path(sys.argv[2]), {}).name)
"""


def test_processes_that_publish_at_once_get_distinct_versions(model: Path, tmp_path: Path) -> None:
    root = tmp_path / "m"
    code = [sys.executable, "-c", _PUBLISH_AT_THE_SAME_TIME, str(model), str(root), str(time.time() + 2)]
    publishers = [subprocess.Popen(code, stdout=subprocess.PIPE, text=True) for _ in range(16)]
    numbers = [int(publisher.communicate(timeout=60)[0]) for publisher in publishers]
    assert sorted(numbers) == list(range(1, 17))
    assert {entry.name for entry in root.iterdir() if not entry.name.isdecimal()} == {artifact.HISTORY}
    for number in numbers:
        artifact.verify(root / str(number))
        assert artifact.provenance(root / str(number))["version"] == number


def test_folder_of_a_killed_publisher_goes_after_a_day_and_not_before(model: Path, tmp_path: Path) -> None:
    root = tmp_path / "m"
    killed, running = (
        root / f".staging-{int(time.time()) - 90_000}-a",
        root / f".staging-{int(time.time())}-b",
    )
    for folder in (killed, running):
        folder.mkdir(parents=True)
        # Copying keeps the source's times, so that an old model does not make a folder look left behind.
        os.utime(folder, (0, 0))
    artifact.publish(model, root, {})
    assert not killed.exists()
    assert running.exists()


def test_failed_copy_leaves_no_trace(model: Path, tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("")
    with pytest.raises(LodestarError, match="Cannot publish"):
        artifact.publish(model, blocker / "m", {})


def test_model_that_is_refused_shows_nothing(model: Path, tmp_path: Path) -> None:
    def refuse(folder: Path) -> None:
        assert (folder / "saved_model.pb").is_file()
        raise LodestarError("The model is refused.")

    root = tmp_path / "serving" / "m"
    with pytest.raises(LodestarError, match="refused"):
        artifact.publish(model, root, {}, check=refuse)
    assert list(root.iterdir()) == []
