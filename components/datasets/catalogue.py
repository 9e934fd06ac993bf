"""What data sets there are, where they come from and what they must contain."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from importlib import resources
from pathlib import PurePosixPath
from typing import Annotated

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from components.errors import InputError


def _stays_inside(name: str) -> str:
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts:
        raise ValueError(f"`{name}` must be a path inside the data set's folder")
    return name


Name = Annotated[str, AfterValidator(_stays_inside)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Part(BaseModel):
    """A file, or an archive of files, of a data set.

    Attributes:
        name: The file's path in the data set's folder or, for an archive, on the mirror.
        sha256: Of the file as it is downloaded.
        url: Where it is downloaded from; empty for what only a mirror has.
        unpack: For an archive: its folder whose contents are the data set, "" for the top; None: no archive.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    sha256: Sha256
    url: str = ""
    unpack: str | None = None


class Dataset(BaseModel):
    """An entry of the catalogue.

    Attributes:
        name: What users type.
        title: One line.
        licence: What may be done with it, in one line.
        citation: What to cite.
        home: The publisher's page.
        downloads: What the publisher offers.
        mirror: What a mirror may hold instead; empty: the same as `downloads`.
        files: Name -> sha256 of every file it must have, however it came; empty: recorded when fetched.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    title: str
    licence: str
    citation: str
    home: str
    downloads: tuple[Part, ...] = Field(min_length=1)
    mirror: tuple[Part, ...] = ()
    files: Mapping[Name, Sha256] = Field(default_factory=dict)


def load_catalogue(text: str) -> dict[str, Dataset]:
    """Return the entries of a catalogue by name, in its order."""
    return {name: Dataset(name=name, **entry) for name, entry in yaml.safe_load(text).items()}


def list_datasets() -> list[Dataset]:
    """Return every data set that can be fetched, in the catalogue's order."""
    return list(load_catalogue(_text()).values())


def find_dataset(name: str) -> Dataset:
    """Return the data set called `name`.

    Raises:
        InputError: There is none; the message suggests the nearest.
    """
    known = {dataset.name: dataset for dataset in list_datasets()}
    if name in known:
        return known[name]
    near = get_close_matches(name.lower(), known, n=1, cutoff=0.4)
    hint = f"Did you mean `{near[0]}`? " if near else ""
    raise InputError(f"There is no data set `{name}`.", cure=f"{hint}Data sets: {', '.join(known)}.")


def _text() -> str:
    return resources.files(__package__).joinpath("catalogue.yaml").read_text(encoding="utf-8")
