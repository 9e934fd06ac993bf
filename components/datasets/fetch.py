"""Fetch data sets into a folder, and verify what is there."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.progress import Progress as Bars

from components.datasets.catalogue import Dataset, Part, find_dataset, list_datasets
from components.datasets.checksums import SUMS, check_file, read_sums, write_sums
from components.datasets.download import Progress, download
from components.datasets.unpack import unpack
from components.errors import InputError, LodestarError

MIRROR = "LODESTAR_DATA_MIRROR"
SAMPLE = "sample"


@dataclass(frozen=True)
class Verified:
    """A data set whose files are what they should be.

    Attributes:
        name: Of the data set.
        path: Its folder.
        files: How many files were checked.
    """

    name: str
    path: str
    files: int


def fetch(name: str, into: Path) -> Path:
    """Fetch the data set unless it is there and intact; return its folder.

    The folder is `<into>/<name>`; it appears when everything in it is verified. An interrupted download is
    resumed by the next call. With the environment variable LODESTAR_DATA_MIRROR, files come from
    `<mirror>/<name>/` and not from the network.

    Raises:
        InputError: No data set has this name, it cannot be had, or its contents are wrong.
        LodestarError: It cannot be written.
    """
    dataset = find_dataset(name)
    folder = into / name
    try:
        into.mkdir(parents=True, exist_ok=True)
        with _lock(into / f".{name}.lock"):
            if not _intact(dataset, folder):
                _fetch(dataset, folder, into / ".fetching" / name)
    except OSError as error:
        problem = f"`{folder}` cannot be written: {error.strerror or error}."
        raise LodestarError(problem, cure="Free some space, or choose another folder for data.") from error
    return folder


def verify(name: str, into: Path) -> Verified:
    """Return what was checked of the data set in `<into>/<name>`.

    Raises:
        InputError: It is not there, or a file is missing or changed.
    """
    dataset = find_dataset(name)
    folder = into / name
    expected = _expected(dataset, folder)
    if not folder.is_dir() or not expected:
        raise InputError(f"`{name}` is not in `{into}`.", cure=f"Fetch it: `lodestar data fetch {name}`.")
    for file, sha256 in expected.items():
        check_file(folder / file, sha256, f"Remove `{folder}` and `lodestar data fetch {name}`.")
    return Verified(name, str(folder), len(expected))


def resolve(source: str, home: Path, sample: Path) -> str:
    """Return the path or URL that `source` means.

    Args:
        source: A URL; a path, which comes before a data set of that name; a data set, fetched if need be;
            or `sample`.
        home: Folder that data sets are fetched into.
        sample: The family's sample folder.

    Raises:
        InputError: It is none of these, or cannot be fetched.
    """
    if source == SAMPLE:
        return str(sample)
    if "://" in source:
        return source
    path = Path(source).expanduser()
    if path.exists():
        return str(path.resolve())
    names = [dataset.name for dataset in list_datasets()]
    if source in names:
        return str(fetch(source, home))
    beside = [str(path.parent / entry.name) for entry in _entries(path.parent)]
    near = get_close_matches(source, [*names, *beside, SAMPLE], n=1, cutoff=0.5)
    hint = f"Did you mean `{near[0]}`? " if near else ""
    cure = f"{hint}Give a path, `{SAMPLE}`, or a data set: {', '.join(names)}."
    raise InputError(f"`{source}` is neither a file or folder nor a data set.", cure=cure)


def _fetch(dataset: Dataset, folder: Path, work: Path) -> None:
    staged = work / "staged"
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir(parents=True)
    for part, path in _parts(dataset, work / "parts"):
        _place(part, path, frozenset(dataset.files), staged)
    for file, sha256 in dataset.files.items():
        check_file(
            staged / file, sha256, f"`{dataset.name}` has other contents there than the catalogue says."
        )
    write_sums(staged)
    # Only whole and verified data is ever called by its name.
    shutil.rmtree(folder, ignore_errors=True)
    staged.rename(folder)
    shutil.rmtree(work)


def _parts(dataset: Dataset, downloads: Path) -> Iterator[tuple[Part, Path]]:
    """Yield each part with the verified file it is in."""
    mirror = os.environ.get(MIRROR)
    if mirror:
        for part in dataset.mirror or dataset.downloads:
            path = Path(mirror) / dataset.name / part.name
            check_file(path, part.sha256, f"Mend the mirror, or unset {MIRROR} to download it.")
            yield part, path
        return
    with _progress() as bars:
        for part in dataset.downloads:
            path = downloads / part.name
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                download(part.url, path, part.sha256, _bar(bars, part.name))
            yield part, path


def _place(part: Part, path: Path, wanted: frozenset[str], staged: Path) -> None:
    if part.unpack is not None:
        unpack(path, part.unpack, wanted, staged)
        return
    target = staged / part.name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, target)


def _expected(dataset: Dataset, folder: Path) -> Mapping[str, str]:
    return dataset.files or read_sums(folder)


def _intact(dataset: Dataset, folder: Path) -> bool:
    if not (folder / SUMS).is_file():
        return False
    try:
        verify(dataset.name, folder.parent)
    except InputError:
        return False
    return True


def _entries(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Let one process at a time fetch a data set; the second then finds it there."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _progress() -> Bars:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    return Bars(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True)


def _bar(bars: Bars, name: str) -> Progress:
    task = bars.add_task(name, total=None)
    return lambda done, total: bars.update(task, completed=done, total=total)
