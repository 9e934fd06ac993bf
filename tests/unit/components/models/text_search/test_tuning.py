import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from components.errors import InputError
from components.metrics import ranking
from components.models.text_search import FAMILY, trainer, tuning
from components.trial import Trial

from .conftest import TRAIN, Prepared, configured, search


def run_trial(prepared, out, **train):
    """Run a trial into `out/trial`; return its result."""
    folder = out / "trial"
    folder.mkdir(parents=True)
    args = prepared.fn_args(configured(train={"dimensions": 4, **train}, serve={"top_k": 1}), out)
    args.custom_config["trial"] = Trial(folder, "ndcg@10", {}, "trial 0").config()
    trainer.run_fn(args)
    return json.loads((folder / "result.json").read_text())


def test_a_trial_is_judged_by_how_it_ranks_the_training_queries(prepared, tmp_path):
    train = {"encoder": "lsa", "dimensions": 1}
    result = run_trial(prepared, tmp_path / "trial", **train)
    trainer.run_fn(prepared.fn_args(configured(train=train), tmp_path))
    answers = search(tf.saved_model.load(str(tmp_path / "serving")), *(query["text"] for query in TRAIN))
    expected = ranking.evaluate(
        {row["id"]: dict(zip(row["relevant_ids"], row["relevant_grades"], strict=True)) for row in TRAIN},
        {row["id"]: ranking.ranking(ids) for row, ids in zip(TRAIN, answers, strict=True)},
    )
    assert result["metrics"] == pytest.approx(expected)
    assert set(expected) == set(FAMILY.tuning_metrics)
    assert 0 < result["value"] == result["metrics"]["ndcg@10"] < 1


def test_a_trial_exports_nothing(prepared, tmp_path):
    run_trial(prepared, tmp_path, encoder="bm25")
    assert {path.name for path in tmp_path.iterdir()} == {"trial"}


def test_a_trial_does_not_read_the_eval_split(prepared, tmp_path):
    shutil.copytree(prepared.root, tmp_path / "data")
    shutil.rmtree(tmp_path / "data" / "transformed" / "Split-eval")
    copied = run_trial(Prepared(tmp_path / "data"), tmp_path / "out")
    assert copied == run_trial(prepared, tmp_path / "again")


def test_no_query_is_ranked_by_weights_that_have_seen_its_judgements():
    for count in (1, 2, 5, 2000):
        ranked = []
        for half, others in tuning.halves(count, 20):
            assert not set(half) & set(others)
            assert sorted([*half, *others]) == list(range(count))
            ranked += list(half)
        assert sorted(ranked) == list(range(count))


def test_more_queries_than_are_ranked_are_drawn_by_the_seed():
    (first, second), _ = tuning.halves(100_000, 1)
    assert len(first) == len(second) == 1000
    assert np.array_equal(first, tuning.halves(100_000, 1)[0][0])
    assert not np.array_equal(first, tuning.halves(100_000, 2)[0][0])


def test_without_training_queries_trials_cannot_be_compared(prepared, tmp_path):
    shutil.copytree(prepared.root, tmp_path / "data")
    shutil.rmtree(tmp_path / "data" / "transformed" / "Split-train")
    with pytest.raises(InputError, match=r"(?s)train split has no queries.*qrels/train\.tsv"):
        run_trial(Prepared(tmp_path / "data"), tmp_path / "out")


def test_one_training_query_is_enough(prepared, tmp_path):
    shutil.copytree(prepared.root, tmp_path / "data")
    (path,) = (tmp_path / "data" / "transformed" / "Split-train").iterdir()
    first = next(iter(tf.data.TFRecordDataset(str(path), "GZIP"))).numpy()
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        writer.write(first)
    assert run_trial(Prepared(tmp_path / "data"), tmp_path / "out")["metrics"]["recall@100"] == 1.0
