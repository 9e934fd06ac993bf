"""What an answer may hold: candidates that are not excluded, of the categories that are asked for.

b: batch, n: candidates, m: exclusions of a row, c: categories asked for, w: words of bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

# Bit 63 is the sign; without it a word is the plain sum of its bits.
_BITS = 63


FILTERS = [
    tf.TensorSpec([None, None], tf.string, "exclude_ids"),
    tf.TensorSpec([None, None], tf.string, "categories"),
    tf.TensorSpec([None], tf.int32, "n_probe"),
]


class Defaults(NamedTuple):
    """What a request that leaves an input out means by it: nothing is filtered, the index probes as trained.

    Made where a function is defined, as a tensor made by an import would start TensorFlow too soon.
    """

    ids: tf.Tensor
    n_probe: tf.Tensor

    @classmethod
    def new(cls) -> Defaults:
        """Return them: string `[1, 0]` and int32 `[1]`; one row stands for a whole batch."""
        return cls(tf.zeros([1, 0], tf.string), tf.zeros([1], tf.int32))


class Wanted(NamedTuple):
    """The categories that each row asks for.

    Attributes:
        bits: The categories as bits, int64 `[b, w]`.
        restricted: Whether the row asks for any, bool `[b]`.
    """

    bits: tf.Tensor
    restricted: tf.Tensor


class Categories(tf.Module):
    """Know the categories of every candidate.

    Args:
        of: The categories of each candidate, `[n]` sequences; a candidate may have none.
    """

    def __init__(self, of: Sequence[Sequence[bytes]]) -> None:
        super().__init__()
        names = sorted({name for held in of for name in held if name})
        numbers = {name: number for number, name in enumerate(names)}
        self.words = max(1, -(-len(names) // _BITS))
        members = np.zeros((len(of), self.words), np.int64)
        for row, held in enumerate(of):
            for number in {numbers[name] for name in held if name}:
                members[row, number // _BITS] |= np.int64(1) << np.int64(number % _BITS)
        self.members = tf.Variable(members, trainable=False, name="category_members")
        # A name that nothing has may not make the table empty; "" is the padding and never looked at.
        keys = tf.constant([*names, b""], tf.string)
        values = tf.constant([*numbers.values(), -1], tf.int64)
        self.numbers = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), -1)

    def wanted(self, names: tf.Tensor) -> Wanted:
        """Return what the rows of `names`, string `[b, c]`, ask for; "" is padding.

        A name that no candidate has asks for candidates that do not exist: alone it leaves nothing.
        """
        numbers = self.numbers.lookup(names)
        batch = tf.shape(names, tf.int64)[0]
        known = tf.where(numbers >= 0)
        cells = tf.stack([known[:, 0], tf.gather_nd(numbers, known)], axis=1)
        shape = tf.stack([batch, self.words * _BITS])
        asked = tf.scatter_nd(cells, tf.ones_like(cells[:, 0]), shape) > 0
        values = tf.constant([1 << bit for bit in range(_BITS)], tf.int64)
        words = tf.reshape(tf.cast(asked, tf.int64), [batch, self.words, _BITS])
        return Wanted(tf.reduce_sum(words * values, axis=2), tf.reduce_any(names != "", axis=1))

    def allow(self, wanted: Wanted) -> tf.Tensor:
        """Return which candidates each row allows, bool `[b, n]`."""
        # Most requests restrict nothing, and the bits of all candidates are many.
        everything = tf.fill([tf.shape(wanted.bits)[0], self.members.shape[0]], True)
        return tf.cond(
            tf.reduce_any(wanted.restricted),
            lambda: _meets(wanted, self.members[tf.newaxis]),
            lambda: everything,
        )

    def allow_rows(self, wanted: Wanted, rows: tf.Tensor) -> tf.Tensor:
        """Return which of its own candidates, int `[b, m]` from 0, each row allows, bool `[b, m]`."""
        return _meets(wanted, tf.gather(self.members, rows))


class Filters(NamedTuple):
    """What one request leaves of the candidates.

    Attributes:
        excluded: Candidates to leave out, int64 `[b, m]`; a number that is no candidate's is padding.
        categories: The categories of all candidates.
        wanted: The categories that are asked for; None: no row asks for any.
    """

    excluded: tf.Tensor
    categories: Categories
    wanted: Wanted | None = None

    def allow(self) -> tf.Tensor:
        """Return which candidates each row allows, bool `[b, n]`."""
        count = int(self.categories.members.shape[0])
        allowed = not_excluded(self.excluded, count)
        return allowed if self.wanted is None else allowed & self.categories.allow(self.wanted)

    def keep(self, rows: tf.Tensor) -> tf.Tensor:
        """Return which of its own candidates `rows`, int64 `[b, m]`, no row excludes, bool `[b, m]`."""
        # The last of each row keeps a search of an empty row from having nowhere to point to.
        last = tf.fill([tf.shape(rows)[0], 1], tf.int64.max)
        ordered = tf.concat([tf.sort(self.excluded, axis=1), last], axis=1)
        at = tf.searchsorted(ordered, rows)
        return tf.gather(ordered, at, batch_dims=1) != rows


def not_excluded(excluded: tf.Tensor, count: int) -> tf.Tensor:
    """Return which of `count` candidates each row allows, bool `[b, count]`.

    Args:
        excluded: Candidates to leave out, int `[b, m]`; any number that is no candidate's is padding.
        count: How many candidates there are.
    """
    excluded = tf.cast(excluded, tf.int64)
    where = tf.where((excluded >= 0) & (excluded < count))
    cells = tf.stack([where[:, 0], tf.gather_nd(excluded, where)], axis=1)
    everything = tf.fill([tf.shape(excluded)[0], count], True)
    return tf.tensor_scatter_nd_update(everything, cells, tf.fill(tf.shape(where)[:1], False))


def for_each_row(values: tf.Tensor, batch: tf.Tensor) -> tf.Tensor:
    """Return `values` with one row for each of the batch; a single row stands for all of them."""
    shape = tf.concat([[batch], tf.shape(values)[1:]], axis=0)
    return tf.broadcast_to(values, shape)


def _meets(wanted: Wanted, members: tf.Tensor) -> tf.Tensor:
    shared = tf.bitwise.bitwise_and(members, wanted.bits[:, tf.newaxis])
    return tf.reduce_any(shared != 0, axis=2) | ~wanted.restricted[:, tf.newaxis]
