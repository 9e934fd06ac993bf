"""Text collections: what is read, and every kind of bad line with its file, line and cure."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.errors import InputError
from components.ingest import beir
from components.ingest.settings import TextCollectionData

CORPUS = [
    {"_id": "d1", "title": "Cats", "text": "Cats sleep.", "metadata": {"url": "x"}},
    {"_id": "d2", "text": "Dogs bark."},
    {"_id": 3, "title": "Only a title", "text": ""},
]
QUERIES = [
    {"_id": "q1", "text": "sleeping cats"},
    {"_id": "q2", "text": "barking"},
    {"_id": "q3", "text": "unjudged"},
]
HEADER = "query-id\tcorpus-id\tscore\n"
TEST = f"{HEADER}q1\td1\t2\nq1\t3\t1\n"
TRAIN = f"{HEADER}q2\td2\t1\n"


def lines(objects: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(one) + "\n" for one in objects)


@pytest.fixture
def collection(write: Callable[..., str]) -> Callable[..., TextCollectionData]:
    """Write a good collection, changed where `changes` says so; None leaves a file out."""

    def write_all(
        changes: dict[str, str | bytes | None] | None = None, **settings: Any
    ) -> TextCollectionData:
        contents: dict[str, str | bytes | None] = {
            "corpus.jsonl": lines(CORPUS),
            "queries.jsonl": lines(QUERIES),
            "qrels/test.tsv": TEST,
            "qrels/train.tsv": TRAIN,
            **(changes or {}),
        }
        paths = [write(f"set/{name}", content) for name, content in contents.items() if content is not None]
        source = str(Path(paths[0].partition("/set/")[0]) / "set")
        return TextCollectionData(source=source, **settings)

    return write_all


def test_documents_and_judged_queries_are_read(
    collection: Callable[..., Any], run: Callable[..., Any]
) -> None:
    found, report = run(beir, collection())

    assert sorted(found["corpus"], key=str) == sorted(
        [
            {"id": "d1", "title": "Cats", "text": "Cats sleep."},
            {"id": "d2", "title": "", "text": "Dogs bark."},
            {"id": "3", "title": "Only a title", "text": ""},
        ],
        key=str,
    )
    assert found["eval"] == [
        {"id": "q1", "text": "sleeping cats", "relevant_ids": ["d1", "3"], "relevant_grades": [2, 1]}
    ]
    assert found["train"] == [{"id": "q2", "text": "barking", "relevant_ids": ["d2"], "relevant_grades": [1]}]
    assert report.summary() == "3 documents, 1 training queries, 1 test queries"


def test_what_is_dropped_is_counted_and_said(collection: Callable[..., Any], run: Callable[..., Any]) -> None:
    data = collection(
        {
            "corpus.jsonl": lines(
                [*CORPUS, {"_id": "d1", "text": "New."}, {"_id": "d4", "title": None, "text": ""}]
            ),
            "queries.jsonl": lines([*QUERIES, {"_id": "q1", "text": "new words"}]),
            "qrels/test.tsv": f"{TEST}q1\td1\t0\nq2\td1\t-1\nq1\t3\t2\n",
        }
    )

    found, report = run(beir, data)

    assert {"id": "d1", "title": "", "text": "New."} in found["corpus"]
    assert found["eval"] == [{"id": "q1", "text": "new words", "relevant_ids": ["3"], "relevant_grades": [2]}]
    assert report.summary() == (
        "4 documents, 1 training queries, 1 test queries; 1 duplicate documents dropped (last kept), "
        "1 duplicate queries dropped (last kept), 2 duplicate judgements dropped (last kept), "
        "2 judgements of 0 or less left out, 1 documents without any text"
    )


def test_without_training_judgements_the_train_split_is_empty(
    collection: Callable[..., Any], run: Callable[..., Any]
) -> None:
    found, report = run(beir, collection({"qrels/train.tsv": None}))

    assert report.splits == {"corpus": 3, "train": 0, "eval": 1}
    assert found["train"] == []


BAD = {
    "qrels with an unknown document": (
        "qrels/test.tsv",
        f"{TEST}q1\tnone\t1\n",
        "FILE:4: The judgement names the document `none`, which `SET/corpus.jsonl` does not have.",
        "Remove the judgement, or add the document.",
    ),
    "qrels with an unknown query": (
        "qrels/train.tsv",
        f"{TRAIN}q9\td1\t1\n",
        "FILE:3: The judgement names the query `q9`, which `SET/queries.jsonl` does not have.",
        "Remove the judgement, or add the query.",
    ),
    "qrels with text for a score": (
        "qrels/test.tsv",
        f"{HEADER}q1\td1\tyes\n",
        "FILE:2: `score` is `yes`, which is not a number.",
        "Write a number",
    ),
    "qrels with a fraction": (
        "qrels/test.tsv",
        f"{HEADER}q1\td1\t0.5\n",
        "FILE:2: `score` is 0.5, which is not a whole number.",
        "Write a whole number",
    ),
    "qrels without a column": (
        "qrels/test.tsv",
        "query-id\tcorpus-id\nq1\td1\n",
        "FILE:1: There is no column `score`",
        "Add it",
    ),
    "qrels with a renamed column": (
        "qrels/test.tsv",
        "query-id\tcorpsu-id\tscore\nq1\td1\t1\n",
        "FILE:1: There is no column `corpus-id`; it has `corpsu-id`",
        "Rename it to `corpus-id`.",
    ),
    "qrels with a short row": (
        "qrels/test.tsv",
        f"{TEST}q1\td2\n",
        "FILE:4: The row has 2 fields",
        "Mend the row",
    ),
    "empty qrels": ("qrels/test.tsv", "", "FILE: The file is empty.", "at least one row of judgements"),
    "qrels of a header": (
        "qrels/test.tsv",
        HEADER,
        "FILE:1: The file has a header and no rows.",
        "judgements",
    ),
    "bad JSON": (
        "corpus.jsonl",
        lines(CORPUS) + '{"_id": "d9", "text": \n',
        "FILE:4: Not JSON at column 23: Expecting value.",
        "Write one object a line.",
    ),
    "JSON that is no object": (
        "corpus.jsonl",
        '["d1"]\n',
        'FILE:1: `["d1"]` is not a JSON object.',
        "one object",
    ),
    "no id": (
        "corpus.jsonl",
        '{"id": "d1", "text": "x"}\n',
        "FILE:1: There is no `_id`; the keys are `id`, `text`.",
        "Add it",
    ),
    "empty id": ("corpus.jsonl", '{"_id": " ", "text": "x"}\n', "FILE:1: `_id` is ' '.", "not empty"),
    "no text": (
        "corpus.jsonl",
        '{"_id": "d1", "body": "x"}\n',
        "FILE:1: There is no `text`",
        "rename the key",
    ),
    "text that is a number": (
        "corpus.jsonl",
        '{"_id": "d", "text": 3}\n',
        "FILE:1: `text` is 3, which is not a string.",
        "quotes",
    ),
    "half a character": (
        "corpus.jsonl",
        '{"_id": "d", "text": "\\ud83d"}\n',
        "FILE:1: `'\\ud83d'` is half of a character.",
        "surrogate",
    ),
    "NUL byte": (
        "corpus.jsonl",
        '{"_id": "d", "text": "\0"}\n',
        "FILE:1: There is a NUL byte at column 23.",
        "Remove it",
    ),
    "wrong encoding": (
        "corpus.jsonl",
        lines(CORPUS).encode() + b'{"_id": "d9", "text": "caf\xe9"}\n',
        "FILE:4: Byte 0xe9 at column 27 is not utf-8.",
        "--set data.encoding=latin-1",
    ),
    "empty corpus": ("corpus.jsonl", "\n", "FILE: The file is empty.", "at least one JSON object"),
    "query without text": (
        "queries.jsonl",
        '{"_id": "q1", "text": " "}\n',
        "FILE:1: `text` of `q1` is empty.",
        "Give it a text",
    ),
}


@pytest.mark.parametrize(("name", "content", "problem", "cure"), BAD.values(), ids=BAD.keys())
def test_bad_collections_name_file_line_and_cure(
    collection: Callable[..., Any],
    run: Callable[..., Any],
    name: str,
    content: str | bytes,
    problem: str,
    cure: str,
) -> None:
    data = collection({name: content})

    with pytest.raises(InputError) as caught:
        run(beir, data)

    message = str(caught.value).replace(f"{data.source}/{name}", "FILE").replace(data.source, "SET")
    assert message.startswith(problem)
    assert cure in message
    assert caught.value.exit_code == 2


def test_judgements_without_any_above_zero_leave_eval_empty(
    collection: Callable[..., Any], run: Callable[..., Any]
) -> None:
    with pytest.raises(InputError, match="The `eval` split is empty"):
        run(beir, collection({"qrels/test.tsv": f"{HEADER}q1\td1\t0\n"}))
