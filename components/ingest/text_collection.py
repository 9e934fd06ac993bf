"""Find the files of a text collection."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from components.errors import InputError
from components.ingest.columns import Naming
from components.ingest.delimited import TableFile
from components.ingest.qrels import QRELS
from components.ingest.settings import TextCollectionData
from components.ingest.storage import exists, is_folder, list_names, require

_TRAIN = ("train.tsv", "dev.tsv")
_EVAL = ("test.tsv", "dev.tsv", "train.tsv")


@dataclass(frozen=True)
class Collection:
    """The files of a text collection.

    Attributes:
        corpus: The documents.
        queries: The queries of all splits.
        qrels: The judgements of eval, and before them those of train if there are any.
    """

    corpus: str
    queries: str
    qrels: tuple[TableFile, ...]

    def files(self) -> list[str]:
        """Return the path of every file that is read."""
        return [self.corpus, self.queries, *(file.path for file in self.qrels)]


def find_collection(data: TextCollectionData) -> Collection:
    """Return the files that `data` means.

    Raises:
        InputError: The source or a file is not there.
    """
    source = require(data.source, "data.source")
    if not is_folder(source):
        raise InputError(
            f"`{source}` is a file.", cure="Set `data.source` to the folder that holds corpus.jsonl."
        )
    held = _qrels_there(source)
    test = data.eval_qrels or _first(held, _EVAL) or _single(source, held)
    train = data.train_qrels or _first([name for name in held if name != test], _TRAIN)
    splits = {"train": train, "eval": test}
    return Collection(
        _json_lines(source, "corpus"),
        _json_lines(source, "queries"),
        tuple(_qrels(data, name, split) for split, name in splits.items() if name),
    )


def _json_lines(source: str, stem: str) -> str:
    plain = posixpath.join(source, f"{stem}.jsonl")
    return f"{plain}.gz" if exists(f"{plain}.gz") and not exists(plain) else require(plain, "data.source")


def _qrels(data: TextCollectionData, name: str, split: str) -> TableFile:
    path = require(posixpath.join(data.source, name), f"data.{split}_qrels")
    return TableFile(path, QRELS, Naming(settable=False), data.encoding, quoting="none", split=split)


def _qrels_there(source: str) -> list[str]:
    folder = posixpath.join(source, "qrels")
    names = list_names(folder) if is_folder(folder) else []
    return [f"qrels/{name}" for name in names if name.endswith((".tsv", ".txt", ".tsv.gz"))]


def _first(held: list[str], names: tuple[str, ...]) -> str:
    return next((f"qrels/{name}" for name in names if f"qrels/{name}" in held), "")


def _single(source: str, held: list[str]) -> str:
    if len(held) == 1:
        return held[0]
    problem = (
        f"There are no judgements `qrels/test.tsv` in `{source}`; qrels holds {', '.join(held) or 'nothing'}."
    )
    raise InputError(problem, cure="Add them, or set `data.eval_qrels` to their file.")
