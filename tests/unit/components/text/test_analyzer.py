import time

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from components.text.analyzer import Analyzer, tokenize
from components.text.stop_words import ENGLISH

ENGLISH_ANALYZER = Analyzer("porter", "english")
PLAIN = Analyzer("none", "none")


def tokens(text: str | bytes) -> list[str]:
    return [token.decode() for token in tokenize(tf.constant([text])).to_list()[0]]


def terms(analyzer: Analyzer, text: str) -> list[str]:
    return [term.decode() for term in analyzer(tf.constant([text])).to_list()[0]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \t\n\u00a0\u3000 ", []),
        ("Hello, WORLD!", ["hello", "world"]),
        ("don't", ["don", "t"]),
        ("IL-6 p53 10.5mg snake_case", ["il", "6", "p53", "10", "5mg", "snake", "case"]),
        ("ÉCOLE Straße naïve", ["école", "straße", "naïve"]),
        ("ИСКУССТВО Поиск", ["искусство", "поиск"]),
        ("हिन्दी में खोज", ["हिन्दी", "में", "खोज"]),
        ("I ❤️ 🎉👍🏽 TF", ["i", "tf"]),
        ("東京tokyo都", ["東京", "tokyo", "都"]),
        ("a\x00b\x07c", ["a", "b", "c"]),
        (b"\xff\xfeabc \x80 d\xc3", ["abc", "d"]),
        ("\u0301abc e\u0301", ["abc", "e\u0301"]),
    ],
)
def test_tokens_are_runs_of_letters_and_digits(text, expected):
    assert tokens(text) == expected


def test_a_run_of_more_than_100_characters_is_split_and_nothing_lost():
    assert tokens("é" * 250) == ["é" * 100, "é" * 100, "é" * 50]


def test_text_without_spaces_becomes_overlapping_pairs():
    assert terms(ENGLISH_ANALYZER, "東京都 ประเ 東 tokyo") == [
        "東京",
        "京都",
        "ปร",
        "ระ",
        "ะเ",
        "東",
        "tokyo",
    ]


def test_a_query_in_unspaced_text_shares_terms_with_a_document_that_contains_it():
    document, query = terms(PLAIN, "今日は東京都の天気です"), terms(PLAIN, "東京")
    assert set(query) <= set(document)


def test_stop_words_go_and_words_are_stemmed():
    text = "The cells are not dividing in the mouse's heart"
    assert terms(ENGLISH_ANALYZER, text) == ["cell", "divid", "mous", "heart"]
    assert terms(Analyzer("none", "english"), text) == ["cells", "dividing", "mouse", "heart"]
    assert terms(Analyzer("porter", "none"), "The cells") == ["the", "cell"]


def test_every_stop_word_is_a_token():
    assert tokens(" ".join(ENGLISH)) == list(ENGLISH)


def test_a_stem_that_is_empty_is_dropped():
    assert terms(Analyzer("porter", "none"), "s cells") == ["cell"]


def test_no_texts_give_no_rows():
    assert ENGLISH_ANALYZER(tf.constant([], tf.string)).to_list() == []


@given(st.lists(st.text(max_size=60), max_size=8))
@settings(max_examples=60, deadline=None)
def test_any_text_is_analyzed_alone_as_in_a_batch_and_terms_have_no_space(texts):
    batch = ENGLISH_ANALYZER(tf.constant(texts, tf.string)).to_list()
    assert batch == [ENGLISH_ANALYZER(tf.constant([text])).to_list()[0] for text in texts]
    assert all(term and not term.decode().isspace() and b" " not in term for row in batch for term in row)


@given(st.text(max_size=80))
@settings(max_examples=60, deadline=None)
def test_tokens_survive_a_second_pass(text):
    once = tokens(text)
    assert tokens(" ".join(once)) == once


@given(st.binary(max_size=40))
@settings(max_examples=60, deadline=None)
def test_bytes_that_are_no_text_do_no_harm(text):
    assert all(token.decode() for token in tokenize(tf.constant([text])).to_list()[0])


def test_a_graph_gives_what_eager_execution_gives():
    texts = tf.constant(["Dividing cells", "東京 cafés", ""])
    graph = tf.function(ENGLISH_ANALYZER, input_signature=[tf.TensorSpec([None], tf.string)])
    assert graph(texts).to_list() == ENGLISH_ANALYZER(texts).to_list()


def test_a_megabyte_of_one_letter_takes_no_longer_than_a_request_may():
    start = time.perf_counter()
    ENGLISH_ANALYZER(tf.constant(["a" * 1_000_000]))
    assert time.perf_counter() - start < 2
