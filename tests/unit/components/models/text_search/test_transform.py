import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from components.models.text_search.transform import VOCABULARY, distinct

from .conftest import CORPUS, configured, prepare


def terms_of(prepared, split: str) -> dict[str, list[str]]:
    """Return the terms of each record, by id."""
    vocabulary = prepared.graph.vocabulary_by_name(VOCABULARY)
    examples = prepared.data.transformed
    ids = examples.scalars(split, id=tf.string)["id"]
    rows = examples.lists(split, terms=tf.int64)["terms"]
    return {name.decode(): [vocabulary[i].decode() for i in row] for name, row in zip(ids, rows, strict=True)}


def test_documents_have_the_stems_of_title_and_text_in_order(prepared):
    terms = terms_of(prepared, "corpus")
    assert terms["d0"] == ["stem", "cell", "stem", "cell", "divid", "becom", "heart", "cell"]
    assert terms["d5"] == ["sunlight", "make", "vitamin", "d", "skin"]
    assert terms["d6"][:2] == ["天気", "今日"]
    assert terms["d7"] == []


def test_terms_are_counted_once_for_each_document(prepared):
    # "heart" is in four documents; "patient" in three; "cell", three times in one.
    vocabulary = [term.decode() for term in prepared.graph.vocabulary_by_name(VOCABULARY)]
    assert vocabulary[0] == "heart"
    assert vocabulary.index("patient") < vocabulary.index("cell")


def test_queries_use_the_vocabulary_of_the_corpus_only(prepared):
    assert terms_of(prepared, "eval")["e2"] == []
    assert terms_of(prepared, "train")["t0"] == ["divid", "stem", "cell"]


def test_what_was_read_is_passed_through(prepared):
    examples = prepared.data.transformed
    documents = examples.scalars("corpus", id=tf.string, title=tf.string, text=tf.string)
    found = {i.decode(): t.decode() for i, t in zip(documents["id"], documents["title"], strict=True)}
    assert found == {record["id"]: record.get("title", "") for record in CORPUS}
    assert sorted(documents["text"]) == sorted(record["text"].encode() for record in CORPUS)
    judged = examples.lists("train", relevant_ids=tf.string, relevant_grades=tf.int64)
    assert sorted(row.tolist() for row in judged["relevant_ids"]) == [[b"d0"], [b"d2", b"d3"], [b"d8", b"d9"]]
    assert sorted(row.tolist() for row in judged["relevant_grades"]) == [[1], [1, 1], [2, 1]]


def test_settings_reach_the_vocabulary_and_an_empty_split_stays_empty(tmp_path):
    choice = configured(transform={"stemmer": "none", "min_document_frequency": 2, "max_vocabulary": 3})
    prepared = prepare(tmp_path, {"corpus": CORPUS, "train": []}, choice)
    vocabulary = [term.decode() for term in prepared.graph.vocabulary_by_name(VOCABULARY)]
    assert vocabulary[:2] == ["heart", "patients"]
    assert len(vocabulary) == 3
    assert prepared.data.transformed.lists("train", terms=tf.int64)["terms"] == []


ROWS = st.lists(st.lists(st.sampled_from(["a", "b", "c", "é"]), max_size=6), max_size=6)


@given(ROWS)
@settings(max_examples=60, deadline=None)
def test_distinct_keeps_the_first_of_each_term_in_each_row(rows):
    ragged = tf.ragged.constant(rows, tf.string, 1)
    expected = [[term.encode() for term in dict.fromkeys(row)] for row in rows]
    assert distinct(ragged).to_list() == expected
