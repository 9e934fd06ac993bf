"""Pre-trained word vectors in GloVe's text format (fastText's too), brought to the terms of a vocabulary."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.errors import InputError
from components.text.analyzer import Analyzer

_CHUNK = 20_000


@dataclass(frozen=True)
class WordVectors:
    """A file of word vectors and the terms that they are wanted for.

    Attributes:
        path: One word and its numbers a line, most frequent word first; `.gz` or not; any file system that
            TensorFlow reads. A path below `sample/` is in the family's folder.
        analyzer: Turns the words into terms.
        vocabulary: The terms, bytes, by id.
    """

    path: str
    analyzer: Analyzer
    vocabulary: list[bytes]

    def of_terms(self) -> NDArray[Any]:
        """Return the vector of each term, float32 `[v, d]`, 0 for a term that no word of the file has.

        Words with the same term are averaged with weight 1 / rank (Zipf's law: nearly by their frequency).

        Raises:
            InputError: The file is missing, a line is malformed, or no word of it is in the vocabulary.
        """
        ids = {term: i for i, term in enumerate(self.vocabulary)}
        sums, shares = np.zeros((len(ids), 0), np.float32), np.zeros((len(ids), 1), np.float32)
        for start, lines in self._chunks():
            for i, term in enumerate(self._terms(lines)):
                if term not in ids:
                    continue
                vector = self._vector(lines[i], sums.shape[1], start + i)
                if not sums.size:
                    sums = np.zeros((len(ids), len(vector)), np.float32)
                sums[ids[term]] += vector / (start + i)
                shares[ids[term]] += 1 / (start + i)
        if not sums.size:
            cure = "Name vectors of the collection's language: --set train.vectors=FILE."
            raise InputError(f"No word of `{self.path}` is in the collection.", cure=cure)
        return np.divide(sums, shares, out=sums, where=shares > 0)

    def _terms(self, lines: list[bytes]) -> list[bytes | None]:
        # A word that the analyzer drops or splits stands for no one term.
        terms = self.analyzer(tf.constant([line.split(b" ", 1)[0] for line in lines])).to_list()
        return [row[0] if len(row) == 1 else None for row in terms]

    def _vector(self, line: bytes, width: int, number: int) -> NDArray[Any]:
        fields = line.split()[1:]
        try:
            vector = np.array(fields, np.float32)
        except ValueError:
            vector = np.array([])
        if not len(vector) or (width and len(vector) != width) or not np.isfinite(vector).all():
            problem = (
                f"Expected a word and {width or 'some'} numbers, but got {len(fields)} fields after the word."
            )
            raise InputError(
                problem, cure="Give a file in GloVe's text format.", source=self.path, line=number
            )
        return vector

    def _chunks(self) -> Iterator[tuple[int, list[bytes]]]:
        number = 1
        with _open(self.path) as file:
            while lines := list(islice(file, _CHUNK)):
                # word2vec and fastText say first how many words and numbers follow.
                if number == 1 and len(lines[0].split()) == 2:
                    lines[0] = b""
                yield number, lines
                number += len(lines)


def _open(path: str) -> BinaryIO:
    if path.startswith("sample/"):
        path = str(Path(__file__).parent / path)
    if not tf.io.gfile.exists(path):
        raise InputError(f"There is no file `{path}`.", cure="Name one: --set train.vectors=FILE.")
    file = tf.io.gfile.GFile(path, "rb")
    return cast(BinaryIO, gzip.GzipFile(fileobj=file) if path.endswith(".gz") else file)
