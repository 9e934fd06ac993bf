"""Object stores: what is refused, and the end of a process that has used one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from components import object_store
from components.errors import InputError

REPOSITORY = Path(__file__).parents[3]
ENDS_WITH_7 = """
import sys
import tensorflow as tf
from components.object_store import connect
connect("s3://bucket/x")
print(tf.io.gfile.exists("s3://bucket/x"))
sys.exit(7)
"""


@pytest.mark.parametrize("path", ["", "/data", "relative/folder"])
def test_path_on_disk_needs_nothing(path: str) -> None:
    object_store.connect(path)


def test_unknown_store_is_refused() -> None:
    with pytest.raises(InputError, match=r"`ftp://host/x`"):
        object_store.connect("ftp://host/x")


def test_root_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="Cannot write"):
        object_store.require_writable(str(tmp_path / "file" / "below"))


def test_process_that_used_s3_ends_with_its_own_code(monkeypatch: pytest.MonkeyPatch) -> None:
    # Nothing listens there: whether the store answers is of no account.
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    done = subprocess.run(
        [sys.executable, "-c", ENDS_WITH_7], cwd=REPOSITORY, capture_output=True, text=True, timeout=300
    )
    assert (done.stdout.strip(), done.returncode) == ("False", 7), done.stderr


def test_folder_is_copied_whole(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "variables" / "deep").mkdir(parents=True)
    (source / "saved_model.pb").write_bytes(b"\0model")
    (source / "variables" / "deep" / "data").write_bytes(b"12345")
    object_store.download(str(source), tmp_path / "target")
    copied = {
        p.relative_to(tmp_path / "target").as_posix(): p.read_bytes() for p in files(tmp_path / "target")
    }
    assert copied == {"saved_model.pb": b"\0model", "variables/deep/data": b"12345"}


def test_nothing_to_copy_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        object_store.download(str(tmp_path / "nowhere"), tmp_path / "target")


def test_size_is_that_of_all_files(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_bytes(b"123")
    (tmp_path / "y").write_bytes(b"45")
    assert object_store.folder_size(str(tmp_path)) == 5
    assert object_store.folder_size(str(tmp_path / "nowhere")) == 0


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
