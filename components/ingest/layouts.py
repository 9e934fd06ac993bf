"""Find the files of a data set of users and items.

MovieLens folders are known as published; any other folder or file by the usual names.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, replace

from components.errors import InputError
from components.ingest import tables
from components.ingest.columns import Naming, Table
from components.ingest.delimited import TableFile
from components.ingest.settings import RatingsData, TableData
from components.ingest.storage import is_folder, list_names, require

_EXTENSIONS = ("csv", "tsv", "dat", "txt")
_INTERACTIONS = ("ratings", "interactions")
_ITEMS = ("items", "movies", "books", "products")
_USERS = ("users",)


@dataclass(frozen=True)
class Layout:
    """The files of a data set.

    Attributes:
        interactions: One file, or those of the two splits; later rows win over earlier ones.
        items: The item table, if there is one.
        users: The user table, if there is one.
    """

    interactions: tuple[TableFile, ...]
    items: TableFile | None = None
    users: TableFile | None = None

    def files(self) -> list[str]:
        """Return the path of every file that is read."""
        return [file.path for file in (*self.interactions, self.items, self.users) if file]


@dataclass(frozen=True)
class _Usual:
    """File names, empty where there is none, and what is in them."""

    interactions: str = ""
    items: str = ""
    users: str = ""
    item_table: Table = tables.ITEMS
    user_table: Table = tables.USERS
    encoding: str = "utf-8"


_KNOWN = (
    _Usual("u.data", "u.item", "u.user", tables.ML_100K_ITEMS, tables.ML_100K_USERS, "latin-1"),
    _Usual("ratings.dat", "movies.dat", "users.dat", tables.ML_1M_ITEMS, tables.ML_1M_USERS, "latin-1"),
)


def find_layout(data: TableData) -> Layout:
    """Return the files that `data` means.

    Raises:
        InputError: The source or a file is not there, or it is not clear which file is meant.
    """
    source = require(data.source, "data.source")
    if not is_folder(source):
        folder, name = posixpath.split(source)
        return _layout(data, folder, _Usual(name))
    names = list_names(source)
    usual = next((known for known in _KNOWN if {known.interactions, known.items} <= {*names}), None)
    if usual:
        users = usual.users if usual.users in names else ""
        return _layout(data, source, replace(usual, users=users))
    return _layout(
        data,
        source,
        _Usual(
            _only(data, names, _INTERACTIONS, tables.interactions(data).what, data.interactions_file),
            _only(data, names, _ITEMS, "items", data.items),
            _only(data, names, _USERS, "users", data.users),
        ),
    )


def _layout(data: TableData, folder: str, usual: _Usual) -> Layout:
    items, users = data.items or usual.items, data.users or usual.users
    item_table = usual.item_table if items == usual.items else tables.ITEMS
    user_table = usual.user_table if users == usual.users else tables.USERS
    return Layout(
        _interactions(data, folder, usual),
        _file(data, folder, items, item_table, "items", usual.encoding) if items else None,
        _file(data, folder, users, user_table, "users", usual.encoding) if users else None,
    )


def _interactions(data: TableData, folder: str, usual: _Usual) -> tuple[TableFile, ...]:
    return (*_given_interactions(data, folder, usual), *_feedback(data))


def _feedback(data: TableData) -> tuple[TableFile, ...]:
    if not isinstance(data, RatingsData) or not data.feedback_file:
        return ()
    split = "train" if data.split.method == "files" else ""
    return (TableFile(data.feedback_file, tables.interactions(data), delimiter=",", split=split),)


def _given_interactions(data: TableData, folder: str, usual: _Usual) -> tuple[TableFile, ...]:
    table = tables.interactions(data)
    if data.split.method == "files":
        train = _file(data, folder, data.split.train, table, "split.train", usual.encoding)
        test = _file(data, folder, data.split.eval, table, "split.eval", usual.encoding)
        return replace(train, split="train"), replace(test, split="eval")
    name = data.interactions_file or usual.interactions
    if not name:
        held = ", ".join(list_names(folder)[:10]) or "nothing"
        problem = f"There is no file of {table.what} in `{folder}`; it holds {held}."
        raise InputError(problem, cure=f"Set `data.{table.what}` to the file's name.")
    return (_file(data, folder, name, table, table.what, usual.encoding),)


def _file(data: TableData, folder: str, name: str, table: Table, setting: str, encoding: str) -> TableFile:
    # An absolute path or a URL stands for itself; anything else is inside the source.
    path = name if name.startswith("/") or "://" in name else posixpath.join(folder, name)
    return TableFile(
        require(path, f"data.{setting}"),
        table,
        Naming(data.columns, data.ignore_columns),
        data.encoding or encoding,
        data.delimiter,
        data.quoting,
    )


def _only(data: TableData, names: list[str], stems: tuple[str, ...], setting: str, given: str) -> str:
    usual = {f"{stem}.{extension}{gz}" for stem in stems for extension in _EXTENSIONS for gz in ("", ".gz")}
    there = [name for name in names if name.lower() in usual]
    if given or len(there) <= 1:
        return given or "".join(there)
    problem = f"It is not clear which file of `{data.source}` is meant: {', '.join(there)}."
    raise InputError(problem, cure=f"Set one: `--set data.{setting}={there[0]}`.")
