"""Archives are unpacked where they should be and nowhere else."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from components.datasets.unpack import unpack
from components.errors import InputError


def make_zip(path: Path, members: dict[str, bytes], links: tuple[str, ...] = ()) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        for name in links:
            info = zipfile.ZipInfo(name)
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(info, "/etc/passwd")
    return path


def make_tar(path: Path, members: dict[str, bytes], links: tuple[str, ...] = ()) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for name in links:
            info = tarfile.TarInfo(name)
            info.type = tarfile.SYMTYPE
            info.linkname = "/etc/passwd"
            archive.addfile(info)
    return path


both = pytest.mark.parametrize("make", [make_zip, make_tar])


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@both
def test_the_folder_inside_is_unpacked_without_its_name(make: object, tmp_path: Path) -> None:
    archive = make(tmp_path / "a", {"set/x": b"1", "set/sub/y": b"2", "__MACOSX/x": b"3"})  # type: ignore[operator]

    unpack(archive, "set", frozenset(), tmp_path / "out")

    assert tree(tmp_path / "out") == {"x": b"1", "sub/y": b"2"}


@both
def test_only_wanted_files_are_written(make: object, tmp_path: Path) -> None:
    archive = make(tmp_path / "a", {"x": b"1", "y": b"2"})  # type: ignore[operator]

    unpack(archive, "", frozenset({"y"}), tmp_path / "out")

    assert tree(tmp_path / "out") == {"y": b"2"}


@both
@pytest.mark.parametrize("name", ["../evil", "set/../../evil", "/evil", "..\\evil", "C:\\evil"])
def test_names_that_lead_outside_are_refused(make: object, tmp_path: Path, name: str) -> None:
    archive = make(tmp_path / "a", {name: b"1"})  # type: ignore[operator]

    with pytest.raises(InputError, match="leads outside the folder") as caught:
        unpack(archive, "", frozenset(), tmp_path / "out")

    assert caught.value.source == str(archive)
    assert not (tmp_path / "evil").exists()
    assert not (tmp_path / "out").exists()


@both
def test_links_are_refused(make: object, tmp_path: Path) -> None:
    archive = make(tmp_path / "a", {}, links=("x",))  # type: ignore[operator]

    with pytest.raises(InputError, match="`x` is"):
        unpack(archive, "", frozenset(), tmp_path / "out")

    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", [b"", b"not an archive"])
def test_a_file_that_is_no_archive_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)

    with pytest.raises(InputError, match="cannot be read"):
        unpack(tmp_path / "a", "", frozenset(), tmp_path / "out")


def test_a_truncated_archive_is_an_error(tmp_path: Path) -> None:
    archive = make_tar(tmp_path / "a", {"x": bytes(range(256)) * 400})
    archive.write_bytes(archive.read_bytes()[:-200])

    with pytest.raises(InputError, match="cannot be read"):
        unpack(archive, "", frozenset(), tmp_path / "out")
