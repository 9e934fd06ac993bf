import gzip
import json
import re
from pathlib import Path

import Stemmer
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

import components.models.text_search
from components.text import porter

SAMPLE = Path(components.models.text_search.__file__).parent / "sample" / "corpus.jsonl.gz"
REFERENCE = Stemmer.Stemmer("porter")
SUFFIXES = [
    *("sses", "ies", "ss", "s", "eed", "ed", "ing", "y", "e", "ll", "at", "bl", "iz", "yy"),
    *(
        "ational",
        "tional",
        "enci",
        "anci",
        "izer",
        "abli",
        "alli",
        "entli",
        "eli",
        "ousli",
        "ization",
        "ation",
    ),
    *(
        "ator",
        "alism",
        "iveness",
        "fulness",
        "ousness",
        "aliti",
        "iviti",
        "biliti",
        "icate",
        "ative",
        "alize",
    ),
    *(
        "iciti",
        "ical",
        "ful",
        "ness",
        "al",
        "ance",
        "ence",
        "er",
        "ic",
        "able",
        "ible",
        "ant",
        "ement",
        "ment",
    ),
    *("ent", "sion", "tion", "ion", "ou", "ism", "ate", "iti", "ous", "ive", "ize"),
]
PARTS = st.sampled_from([*SUFFIXES, *"aeiouybdlnstwxzé"])


def stems(words: list[str]) -> list[str]:
    return [stem.decode() for stem in porter.stem(tf.constant(words, tf.string)).numpy()]


def sample_vocabulary() -> list[str]:
    with gzip.open(SAMPLE, "rt", encoding="utf-8") as lines:
        documents = [json.loads(line) for line in lines]
    return sorted({w for d in documents for w in re.findall(r"[^\W_]+", f"{d['title']} {d['text']}".lower())})


def test_every_word_of_the_sample_collection_has_the_reference_stem():
    words = sample_vocabulary()
    assert len(words) > 30_000
    wrong = [
        pair
        for pair in zip(words, stems(words), REFERENCE.stemWords(words), strict=True)
        if pair[1] != pair[2]
    ]
    assert wrong == []


@given(st.lists(st.lists(PARTS, min_size=1, max_size=6).map("".join), min_size=1, max_size=200))
@settings(max_examples=100, deadline=None)
def test_words_made_of_suffixes_have_the_reference_stem(words):
    assert stems(words) == REFERENCE.stemWords(words)


def test_examples_of_the_paper():
    words = ["caresses", "ponies", "plastered", "motoring", "conflated", "hopping", "hoping", "happy", "sky"]
    assert stems(words) == ["caress", "poni", "plaster", "motor", "conflat", "hop", "hope", "happi", "sky"]


def test_a_longest_suffix_that_fails_its_condition_stops_the_step():
    # "ational" needs m > 0 before it; "tional" may not be tried in its place.
    assert stems(["national", "rational", "relational"]) == ["nation", "ration", "relat"]


def test_no_words_give_no_stems():
    assert stems([]) == []
