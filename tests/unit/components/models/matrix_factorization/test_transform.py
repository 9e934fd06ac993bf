import numpy as np
import pytest
import tensorflow as tf
import tensorflow_data_validation as tfdv

from components.models.matrix_factorization.transform import ITEMS as ITEM_VOCABULARY
from components.models.matrix_factorization.transform import USERS as USER_VOCABULARY

from .conftest import ITEMS, USERS, schema, splits, write_records


def test_rows_name_the_ids_that_were_read(prepared):
    users = np.array(prepared.graph.vocabulary_by_name(USER_VOCABULARY))
    items = np.array(prepared.graph.vocabulary_by_name(ITEM_VOCABULARY))
    assert (len(users), len(items)) == (USERS, ITEMS)
    found = prepared.data.transformed.scalars("train", user=tf.int64, item=tf.int64, rating=tf.float32)
    seen = zip(users[found["user"]], items[found["item"]], found["rating"], strict=True)
    expected = [
        (row["user_id"].encode(), row["item_id"].encode(), np.float32(row["rating"]))
        for row in splits()["train"]
    ]
    assert sorted(seen) == sorted(expected)


def test_ids_outside_the_train_split_have_row_minus_one(prepared):
    transformed, raw = prepared.data.transformed, prepared.data.raw
    rows = transformed.scalars("eval", user=tf.int64, item=tf.int64)
    ids = raw.scalars("eval", user_id=tf.string, item_id=tf.string)
    assert sorted((rows["user"] == -1).nonzero()[0]) == sorted((ids["user_id"] == b"new user").nonzero()[0])
    assert sorted((rows["item"] == -1).nonzero()[0]) == sorted((ids["item_id"] == b"cold").nonzero()[0])


def test_items_keep_their_titles_and_a_missing_title_stays_missing(prepared):
    items = prepared.data.transformed.lists("items", item_id=tf.string, title=tf.string)
    titles = {
        name[0].decode(): [t.decode() for t in title] for name, title in zip(*items.values(), strict=True)
    }
    assert titles["item 0"] == ["Títle 0"]
    assert titles[f"item {ITEMS - 1}"] == []
    assert titles["cold"] == ["Never rated"]


def anomalies(folder, split: str, rows: list[dict]) -> set[str]:
    """Return the features of `split` that do not fit the schema."""
    path = folder / split / "data.gz"
    write_records(path, rows)
    found = tfdv.validate_statistics(
        tfdv.generate_statistics_from_tfrecord(str(path)), schema(), environment=split
    )
    return set(found.anomaly_info)


@pytest.mark.parametrize("split", ["train", "eval", "items", "users"])
def test_each_split_fits_the_schema(tmp_path, split):
    assert anomalies(tmp_path, split, splits()[split]) == set()


def test_optional_columns_may_be_absent(tmp_path):
    assert anomalies(tmp_path, "items", [{"item_id": "a"}, {"item_id": "b"}]) == set()


@pytest.mark.parametrize(
    ("split", "row", "feature"),
    [
        ("train", {"user_id": "u", "item_id": "i"}, "rating"),
        ("train", {"user_id": "u", "item_id": "i", "rating": float("nan")}, "rating"),
        ("eval", {"user_id": "u", "rating": 3.0}, "item_id"),
        ("items", {"item_id": "i", "title": ["two", "titles"]}, "title"),
        ("items", {"item_id": "i", "user_id": "u"}, "user_id"),
        ("users", {"user_id": "u", "shoe size": "42"}, "shoe size"),
    ],
)
def test_what_breaks_the_contract_is_an_anomaly_of_its_feature(tmp_path, split, row, feature):
    assert anomalies(tmp_path, split, [*splits()[split], *[row] * 3]) == {feature}


@pytest.mark.parametrize(
    ("split", "row", "feature"),
    [
        ("train", {"user_id": "u", "item_id": "i", "rating": 3}, "rating"),
        ("users", {"user_id": 5}, "user_id"),
        ("items", {"item_id": "i", "genres": [1, 2]}, "genres"),
    ],
)
def test_a_wrong_type_is_an_anomaly_of_its_feature(tmp_path, split, row, feature):
    assert anomalies(tmp_path, split, [row]) == {feature}
