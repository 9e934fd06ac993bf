"""What is written is read back, and the files depend on the records alone."""

from __future__ import annotations

from pathlib import Path

import apache_beam as beam
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from components.examples import Examples
from components.ingest import writer
from components.ingest.contract import Record
from components.ingest.records import encode
from components.ingest.writer import WriteSplit

texts = st.text(st.characters(blacklist_categories=["Cs"]))
int64 = st.integers(-(2**63), 2**63 - 1)
values = st.one_of(
    texts,
    int64,
    st.floats(allow_nan=False, width=32),
    st.lists(texts),
    st.lists(int64, min_size=1),
)


@given(st.dictionaries(st.text("abc", min_size=1), values))
def test_records_round_trip(record: Record) -> None:
    example = tf.train.Example.FromString(encode(record))

    for name, value in record.items():
        feature = example.features.feature[name]
        found = [*feature.bytes_list.value, *feature.int64_list.value, *feature.float_list.value]
        many = value if isinstance(value, list) else [value]
        assert found == [one.encode() if isinstance(one, str) else one for one in many]
    assert encode(dict(reversed(record.items()))) == encode(record)


@pytest.mark.parametrize("value", [None, {"a": 1}, ["a", 1], [True], b"raw"])
def test_other_values_are_refused(value: object) -> None:
    with pytest.raises(TypeError, match="only str, int, float"):
        encode({"feature": value})  # type: ignore[dict-item]


def _write(records: list[Record], folder: Path) -> dict[str, bytes]:
    with beam.Pipeline() as pipeline:
        _ = pipeline | beam.Create(records) | WriteSplit(str(folder / "Split-train"), str(folder / "scratch"))
    assert not list((folder / "scratch").iterdir())
    return {path.name: path.read_bytes() for path in sorted((folder / "Split-train").iterdir())}


RECORDS: list[Record] = [{"id": f"r{n}", "n": n} for n in range(100)]


def test_order_of_records_changes_no_byte(tmp_path: Path) -> None:
    forward = _write(RECORDS, tmp_path / "a")

    assert _write(RECORDS[::-1], tmp_path / "b") == forward
    assert list(forward) == ["data_tfrecord-00000-of-00001.gz"]


def test_large_splits_are_sharded_and_read_back_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "_PER_SHARD", 40)

    files = _write(RECORDS, tmp_path)

    assert list(files) == [f"data_tfrecord-{shard:05d}-of-00003.gz" for shard in range(3)]
    assert sorted(Examples(str(tmp_path)).scalars("train", n=tf.int64)["n"]) == list(range(100))


def test_a_split_without_records_is_one_file_without_records(tmp_path: Path) -> None:
    files = _write([], tmp_path)

    assert list(files) == ["data_tfrecord-00000-of-00001.gz"]
    assert Examples(str(tmp_path)).scalars("train", n=tf.int64)["n"].size == 0
