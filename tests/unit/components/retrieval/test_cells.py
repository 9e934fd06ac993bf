import numpy as np

from components.retrieval.cells import divide

from .conftest import clustered


def test_no_cell_has_more_than_a_quarter_above_its_share():
    # 900 of 1,000 in one direction, so that k-means alone makes one cell far too large.
    random = np.random.default_rng(0)
    same = np.ones((900, 6)) + 0.01 * random.standard_normal((900, 6))
    vectors = np.concatenate([same, random.standard_normal((100, 6))]).astype(np.float32)
    cells = divide(vectors, 20, seed=0)
    assert cells.rows.shape[1] == 64
    assert sorted(cells.rows[cells.rows >= 0].tolist()) == list(range(1000))
    assert ((cells.rows >= 0).sum(axis=1) > 0).all()


def test_neighbours_in_direction_share_a_cell():
    vectors = clustered(2_000)
    cells = divide(vectors, 40, seed=0)
    np.testing.assert_allclose(np.linalg.norm(cells.centres, axis=1), 1, rtol=1e-5)
    for rows, centre in zip(cells.rows, cells.centres, strict=True):
        held = vectors[rows[rows >= 0]]
        assert (held @ centre > 0).mean() > 0.95


def test_probes_are_the_fewest_cells_that_hold_the_wanted_share():
    vectors, queries = clustered(2_000), clustered(50, seed=3)
    cells = divide(vectors, 64, seed=0)
    neighbours = np.argsort(-(queries @ vectors.T), axis=1)[:, :10]
    order = np.argsort(-(queries @ cells.centres.T), axis=1)

    def found(probes: int) -> float:
        inside = [
            np.isin(mine, cells.rows[chosen[:probes]]) for mine, chosen in zip(neighbours, order, strict=True)
        ]
        return float(np.mean(inside))

    for recall in (0.5, 0.9, 0.99):
        probes = cells.probes(queries, neighbours, recall)
        assert found(probes) >= recall
        assert probes == 1 or found(probes - 1) < recall


def test_vectors_of_zeros_have_a_place_too():
    cells = divide(np.zeros((10, 3), np.float32), 4, seed=0)
    assert sorted(cells.rows[cells.rows >= 0].tolist()) == list(range(10))
