"""Remove old pushed versions, but none that serves or that a rollback would need."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

from components import artifact
from components.deployment.state import Deployment
from components.deployment.store import FolderStore
from components.errors import InputError, LodestarError

_REMOVED = ".removed-"


def prune(store: FolderStore, family: str, keep: int, *, dry_run: bool = False) -> list[int]:
    """Remove all but the newest versions and those that are deployed; return the removed ones, ascending.

    A family that is not deployed serves its newest good version, so that one stays as well. Running it again
    removes what an interrupted call has left over.

    Args:
        store: The deployments of a serving root.
        family: Whose versions.
        keep: How many of the newest stay whatever they are.
        dry_run: Remove nothing.

    Raises:
        InputError: `keep` is not positive.
    """
    if keep < 1:
        raise InputError(f"`--keep {keep}` would keep no version.", cure="Keep at least 1.")
    folder = store.root / family
    # Nobody deploys an old version while it is being removed.
    with store.locked():
        numbers = artifact.versions(folder)
        needed = {*numbers[-keep:], *_serving(store.read().get(family), folder, numbers)}
        old = [number for number in numbers if number not in needed]
        aside = [] if dry_run else [_aside(folder, number) for number in old]
    if not dry_run:
        for path in {*aside, *folder.glob(f"{_REMOVED}*")}:
            shutil.rmtree(path, ignore_errors=True)
    return old


def _serving(deployment: Deployment | None, folder: Path, numbers: list[int]) -> set[int]:
    if deployment is not None:
        loading = {deployment.loading} if deployment.loading is not None else set()
        return {*deployment.versions, *loading}
    good = next((number for number in reversed(numbers) if _is_good(folder / str(number))), None)
    return set() if good is None else {good}


def _is_good(version: Path) -> bool:
    try:
        artifact.verify(version)
    except LodestarError:
        return False
    return True


def _aside(folder: Path, number: int) -> Path:
    # A server must not see a version that is half removed.
    target = folder / f"{_REMOVED}{number}-{uuid.uuid4().hex}"
    (folder / str(number)).rename(target)
    return target
