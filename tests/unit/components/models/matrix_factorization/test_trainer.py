import json
import shutil

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from components.errors import InputError
from components.models.matrix_factorization import trainer

from .conftest import COLD, ITEMS, Prepared, settings


def test_curves_are_in_the_history_and_in_tensorboard(trained):
    history = json.loads((trained / "logs" / "history.json").read_text())
    assert history["x"] == "epoch"
    assert set(history["series"]) == {"train rmse", "validation rmse", "refit rmse"}
    for name in ("train", "validation", "refit"):
        events = EventAccumulator(str(trained / "logs" / name), {"tensors": 0}).Reload()
        shown = [tf.make_ndarray(event.tensor_proto).item() for event in events.Tensors("rmse")]
        assert shown == pytest.approx(history["series"][f"{name} rmse"])


def test_the_serving_graph_is_in_tensorboard(trained):
    assert EventAccumulator(str(trained / "logs" / "graph")).Reload().Tags()["graph"]


def test_the_projector_names_items_by_title_or_else_by_id(trained):
    labels = (trained / "logs" / "items-labels.tsv").read_text().splitlines()
    assert sorted(labels) == sorted([*(f"Títle {i}" for i in range(ITEMS - 1)), f"item {ITEMS - 1}"])


def test_cold_items_have_a_title_but_are_not_recommended(model):
    titles = model.signatures["titles"](ids=tf.constant([COLD["item_id"], "item 0"]))["titles"].numpy()
    assert [one.decode() for one in titles] == [COLD["title"], "Títle 0"]
    users = tf.constant(["ü0", "ü1", "nobody"])
    answers = model.signatures["serving_default"](user_id=users, exclude_seen=tf.zeros([3], tf.bool))["ids"]
    assert COLD["item_id"].encode() not in set(answers.numpy().ravel())


def test_a_user_is_not_shown_what_the_train_split_has(prepared, model):
    train = prepared.data.raw.scalars("train", user_id=tf.string, item_id=tf.string)
    users = sorted(set(train["user_id"]))
    answers = model.signatures["serving_default"](
        user_id=tf.constant(users), exclude_seen=tf.ones([len(users)], tf.bool)
    )["ids"].numpy()
    seen = set(zip(train["user_id"], train["item_id"], strict=True))
    shown = {(user, item) for user, row in zip(users, answers, strict=True) for item in row}
    assert shown
    assert not seen & shown


def test_training_does_not_need_the_eval_split(prepared, model, tmp_path):
    shutil.copytree(prepared.root, tmp_path / "copy")
    for stage in ("raw", "transformed"):
        shutil.rmtree(tmp_path / "copy" / stage / "Split-eval")
    trainer.run_fn(Prepared(tmp_path / "copy").fn_args(settings(serve={"top_k": 10}), tmp_path / "out"))
    again = tf.saved_model.load(str(tmp_path / "out" / "serving"))
    users, items = tf.constant(["ü1", "ü2"]), tf.constant(["item 5", "item 6"])
    first, second = (
        one.signatures["rate"](user_id=users, item_id=items)["rating"].numpy() for one in (model, again)
    )
    # A fit repeats up to the last digit: busy cores may add in another order.
    np.testing.assert_allclose(first, second, rtol=1e-6)


def test_an_empty_train_split_is_refused(prepared, tmp_path):
    shutil.copytree(prepared.root, tmp_path / "copy")
    for file in (tmp_path / "copy" / "transformed" / "Split-train").glob("*"):
        with tf.io.TFRecordWriter(str(file), "GZIP"):
            pass
    with pytest.raises(InputError, match="train split has no ratings"):
        trainer.run_fn(Prepared(tmp_path / "copy").fn_args(settings(), tmp_path / "out"))
