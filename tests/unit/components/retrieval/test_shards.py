import numpy as np
import pytest
import tensorflow as tf

from components.gateway.shards import merge
from components.retrieval.build import IndexOptions
from components.retrieval.shards import save_shards, shard_of, split

from .conftest import clustered

IDS = [f"v{i}".encode() for i in range(300)]


def test_every_id_is_in_the_one_shard_that_it_belongs_to():
    parts = dict(split(IDS, 4))
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(300))
    assert all(shard_of(IDS[i], 4) == shard for shard, chosen in parts.items() for i in chosen)
    assert min(map(len, parts.values())) > 40
    assert [shard for shard, _ in split([b"a"], 50)] == [shard_of(b"a", 50)]


@pytest.mark.parametrize("kind", ["exact", "ivf"])
def test_shards_together_answer_as_one_index_does(tmp_path, kind):
    vectors, queries = clustered(300), clustered(5, seed=4)
    folders = save_shards(tmp_path, IDS, vectors, 3, 10, IndexOptions(kind, cells=8 if kind == "ivf" else 0))
    assert [folder.name for folder in folders] == ["shard-0", "shard-1", "shard-2"]
    models = [tf.saved_model.load(str(folder)).signatures["serving_default"] for folder in folders]
    answers = [model(embedding=tf.constant(queries)) for model in models]
    best = np.argsort(-(queries @ vectors.T), axis=1)[:, :10]
    found = 0
    for row in range(5):
        parts = [
            ([name.decode() for name in one["ids"].numpy()[row]], one["scores"].numpy()[row].tolist())
            for one in answers
        ]
        ids, scores = merge(parts, 10)
        assert scores == sorted(scores, reverse=True)
        found += len({*ids} & {IDS[i].decode() for i in best[row]})
    assert found == 50 if kind == "exact" else found >= 45
