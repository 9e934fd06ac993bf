import pytest
import tensorflow_data_validation as tfdv

from .conftest import CORPUS, EVAL, FOLDER, TRAIN, write_split

SCHEMA = tfdv.load_schema_text(str(FOLDER / "schema.pbtxt"))
QUERY = {"id": "q", "text": "heart", "relevant_ids": ["d1"], "relevant_grades": [1]}
DOCUMENT = {"id": "d", "title": "", "text": "heart"}


def anomalies(tmp_path, split: str, records: list[dict]) -> set[str]:
    """Return the names of the features that do not fit."""
    write_split(tmp_path, split, records)
    found = tfdv.generate_statistics_from_tfrecord(str(tmp_path / "raw" / f"Split-{split}" / "*"))
    return set(tfdv.validate_statistics(found, SCHEMA, environment=split).anomaly_info)


@pytest.mark.parametrize(("split", "records"), [("corpus", CORPUS), ("train", TRAIN), ("eval", EVAL)])
def test_good_records_fit(tmp_path, split, records):
    assert anomalies(tmp_path, split, records) == set()


@pytest.mark.parametrize(
    ("split", "record", "feature"),
    [
        ("corpus", {"id": "d", "title": "heart"}, "text"),
        ("corpus", {"title": "heart", "text": "heart"}, "id"),
        ("corpus", {**DOCUMENT, "url": "x"}, "url"),
        ("corpus", {**DOCUMENT, "text": ["one", "two"]}, "text"),
        ("corpus", {**DOCUMENT, "relevant_ids": ["d"]}, "relevant_ids"),
        ("eval", {**QUERY, "relevant_grades": [0]}, "relevant_grades"),
        ("eval", {**QUERY, "title": "heart"}, "title"),
        ("train", {"id": "q", "text": "x", "relevant_grades": [1]}, "relevant_ids"),
        ("train", {"id": "q", "text": "x", "relevant_ids": ["d"]}, "relevant_grades"),
    ],
)
def test_a_record_that_does_not_fit_is_found(tmp_path, split, record, feature):
    good = DOCUMENT if split == "corpus" else QUERY
    assert feature in anomalies(tmp_path, split, [good] * 3 + [record])


@pytest.mark.parametrize(
    ("split", "record", "feature"),
    [
        ("corpus", {**DOCUMENT, "id": 7}, "id"),
        ("eval", {**QUERY, "relevant_grades": [0.5]}, "relevant_grades"),
    ],
)
def test_a_feature_of_another_type_is_found(tmp_path, split, record, feature):
    assert feature in anomalies(tmp_path, split, [record] * 3)
