"""Search the nearest cells only (an inverted file), in operations that every TensorFlow has.

Cells are blocks of one size, so that the lists of a query's cells are one `gather` and their scores one
product. A batch is cut in chunks whose lists fit in a cache. b: batch, k: length of an answer, p: cells
that a query searches, l: room of a cell, d: length of a vector, n: candidates.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from components.retrieval.cells import Cells
from components.retrieval.exact import Exact
from components.retrieval.filters import Filters, Wanted
from components.retrieval.found import NEVER, NOBODY, Found
from components.retrieval.lists import Lists, rows_of
from components.retrieval.top_k import PADDING_SCORE

# float32 numbers of lists in a chunk: 8 MB, a part of the cache, and below what is a page fault each time.
_CHUNK = 2_097_152
# Beyond that share of the cells it is cheaper to score all candidates.
EXHAUSTIVE = 8
_GROUP = 32


class Ivf(tf.Module):
    """Search `n_probe` cells of each query, or all candidates where that is asked for or needed.

    Args:
        cells: The division of the vectors.
        lists: The vectors by cell.
        exact: The same vectors, searched one and all.
        n_probe: Cells to search when a request does not say.
    """

    def __init__(self, cells: Cells, lists: Lists, exact: Exact, n_probe: int) -> None:
        super().__init__()
        self.count, self.room = cells.rows.shape
        padded = -(-self.count // _GROUP) * _GROUP
        centres = np.pad(cells.centres, [(0, padded - self.count), (0, 0)])
        self.centres = tf.Variable(centres, trainable=False, name="centres")
        self.lists = lists
        self.exact = exact
        self.n_probe = n_probe

    def search(
        self, queries: tf.Tensor, k: int, filters: Filters | None, n_probe: tf.Tensor | None = None
    ) -> Found:
        """Return the k best candidates of each query among its cells.

        Where filters leave fewer than k in the cells the query is answered from all candidates, so that an
        answer is short only when there is no more.

        Args:
            queries: float32 `[b, d]`.
            k: At most n.
            filters: What may be found; None: everything.
            n_probe: Cells to search, int32 `[b]`; 0: `self.n_probe`; negative or more than an eighth of the
                cells: all candidates.
        """
        batch = tf.shape(queries)[0]
        asked = tf.zeros([batch], tf.int32) if n_probe is None else n_probe
        probes = tf.where(asked == 0, self.n_probe, asked)
        most = self.count // EXHAUSTIVE
        everything = (probes < 0) | (probes > most)
        probes = tf.where(everything, 0, probes)
        near = self._near(queries, k, filters, probes)
        short = everything | tf.reduce_any(near.rows < 0, axis=1)
        return tf.cond(
            tf.reduce_any(short),
            lambda: self.exact.search(queries, k, filters).where(short, near),
            lambda: near,
        )

    def _near(self, queries: tf.Tensor, k: int, filters: Filters | None, probes: tf.Tensor) -> Found:
        widest = tf.maximum(tf.reduce_max(probes), 1)
        cells = self._cells(queries, widest)
        unused = tf.range(widest) >= probes[:, tf.newaxis]
        # As many more as may be excluded, to be left with k.
        more = 0 if filters is None else tf.shape(filters.excluded)[1]
        several = tf.minimum(k + more, widest * self.room)
        found = self._scan(queries, cells, unused, filters, several)
        found = _at_least(found, k)
        kept = tf.ones_like(found.rows, tf.bool) if filters is None else filters.keep(found.rows)
        return found.only(kept, k)

    def _cells(self, queries: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
        # The nearest cells are in the groups with the nearest cells: few numbers are left to be sorted.
        batch, groups = tf.shape(queries)[0], self.centres.shape[0] // _GROUP
        similar = tf.matmul(queries, self.centres, transpose_b=True)
        similar += tf.where(tf.range(self.centres.shape[0]) < self.count, 0.0, NEVER)
        best = tf.reduce_max(tf.reshape(similar, [batch, _GROUP, groups]), axis=1)
        chosen = tf.math.top_k(best, tf.minimum(count, groups), sorted=False)[1]
        members = chosen[:, tf.newaxis, :] + tf.range(_GROUP)[:, tf.newaxis] * groups
        members = tf.reshape(members, [batch, -1])
        places = tf.math.top_k(tf.gather(similar, members, batch_dims=1), count)[1]
        return tf.gather(members, places, batch_dims=1)

    def _scan(
        self,
        queries: tf.Tensor,
        cells: tf.Tensor,
        unused: tf.Tensor,
        filters: Filters | None,
        several: tf.Tensor,
    ) -> Found:
        batch, width = tf.shape(queries)[0], int(queries.shape[1] or self.centres.shape[1])
        size = tf.maximum(_CHUNK // (tf.shape(cells)[1] * self.room * width), 1)
        size = tf.minimum(size, tf.maximum(batch, 1))
        chunks = tf.maximum(-(-batch // size), 1)

        def cut(values: tf.Tensor) -> tf.Tensor:
            rest = tf.shape(values)[1:]
            padding = tf.zeros(tf.concat([[chunks * size - batch], rest], 0), values.dtype)
            return tf.reshape(tf.concat([values, padding], 0), tf.concat([[chunks, size], rest], 0))

        columns = [queries, cells, unused, *(filters.wanted if filters and filters.wanted else ())]
        shape = tf.TensorSpec([None, None], tf.float32), tf.TensorSpec([None, None], tf.int64)
        scores, rows = tf.map_fn(
            lambda chunk: tuple(self._chunk(chunk, filters, several)),
            [cut(column) for column in columns],
            fn_output_signature=shape,
            parallel_iterations=2,
        )
        flat = [tf.reshape(values, [chunks * size, several])[:batch] for values in (scores, rows)]
        return Found(*flat)

    def _chunk(self, chunk: list[tf.Tensor], filters: Filters | None, several: tf.Tensor) -> Found:
        queries, cells, unused, *asked = chunk
        rows = rows_of(self.lists.rows, cells)
        masked = tf.where(rows < 0, NEVER * 2, 0.0)
        masked += tf.repeat(tf.where(unused, NEVER * 2, 0.0), self.room, axis=1)
        if filters is not None and asked:
            wanted = Wanted(*asked)
            masked = tf.cond(
                tf.reduce_any(wanted.restricted),
                lambda: tf.where(
                    filters.categories.allow_rows(wanted, tf.maximum(rows, 0)), masked, NEVER * 2
                ),
                lambda: masked,
            )
        return self.lists.best(queries, cells, masked, several)


def _at_least(found: Found, k: int) -> Found:
    missing = tf.maximum(k - tf.shape(found.rows)[1], 0)
    room = [[0, 0], [0, missing]]
    scores = tf.pad(found.scores, room, constant_values=PADDING_SCORE)
    return Found(scores, tf.pad(found.rows, room, constant_values=NOBODY))
