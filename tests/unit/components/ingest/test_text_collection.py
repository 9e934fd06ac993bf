"""The files of a collection are found, whichever judgements it has."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.errors import InputError
from components.ingest.qrels import JudgementOf
from components.ingest.settings import TextCollectionData
from components.ingest.table_reader import parse_rows
from components.ingest.text_collection import find_collection


def source(folder: Path, *qrels: str, corpus: str = "corpus.jsonl") -> Path:
    (folder / "qrels").mkdir()
    for name in (corpus, "queries.jsonl", *(f"qrels/{name}" for name in qrels)):
        (folder / name).write_text("x")
    return folder


@pytest.mark.parametrize(
    ("there", "splits"),
    [
        (["train.tsv", "dev.tsv", "test.tsv"], {"train": "train.tsv", "eval": "test.tsv"}),
        (["dev.tsv", "test.tsv"], {"train": "dev.tsv", "eval": "test.tsv"}),
        (["train.tsv", "dev.tsv"], {"train": "train.tsv", "eval": "dev.tsv"}),
        (["test.tsv"], {"eval": "test.tsv"}),
        (["train.tsv"], {"eval": "train.tsv"}),
        (["dl20.txt"], {"eval": "dl20.txt"}),
    ],
)
def test_splits_follow_from_the_judgements_there(
    tmp_path: Path, there: list[str], splits: dict[str, str]
) -> None:
    found = find_collection(TextCollectionData(source=str(source(tmp_path, *there))))

    assert {file.split: Path(file.path).name for file in found.qrels} == splits


def test_settings_name_the_judgements(tmp_path: Path) -> None:
    folder = source(tmp_path, "a.tsv", "b.tsv")

    found = find_collection(
        TextCollectionData(source=str(folder), train_qrels="qrels/a.tsv", eval_qrels="qrels/b.tsv")
    )

    assert [Path(path).name for path in found.files()] == ["corpus.jsonl", "queries.jsonl", "a.tsv", "b.tsv"]


def test_compressed_files_are_found(tmp_path: Path) -> None:
    folder = source(tmp_path, "test.tsv", corpus="corpus.jsonl.gz")

    assert find_collection(TextCollectionData(source=str(folder))).corpus.endswith("corpus.jsonl.gz")


@pytest.mark.parametrize(
    ("there", "problem"),
    [([], "qrels holds nothing"), (["a.tsv", "b.tsv"], "qrels holds qrels/a.tsv, qrels/b.tsv")],
)
def test_judgements_that_cannot_be_found_are_an_error(tmp_path: Path, there: list[str], problem: str) -> None:
    with pytest.raises(InputError, match=problem) as caught:
        find_collection(TextCollectionData(source=str(source(tmp_path, *there))))

    assert "data.eval_qrels" in caught.value.cure


def test_a_missing_corpus_is_an_error_with_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"There is no `.*corpus\.jsonl`") as caught:
        find_collection(TextCollectionData(source=str(source(tmp_path, "test.tsv", corpus="corpus.json"))))

    assert "corpus.json" in caught.value.cure


def test_a_file_is_no_collection(tmp_path: Path) -> None:
    path = source(tmp_path, "test.tsv") / "corpus.jsonl"

    with pytest.raises(InputError, match="is a file"):
        find_collection(TextCollectionData(source=str(path)))


@pytest.mark.parametrize(
    "content",
    [
        "query-id\tcorpus-id\tscore\nq 1\td1\t2\n",
        "q 1\td1\t2\n",
        "q 1\t0\td1\t2\n",
        "qid,docid,relevance\nq 1,d1,2\n",
    ],
    ids=["BEIR", "no header", "TREC", "CSV"],
)
def test_judgements_are_read_in_every_usual_form(tmp_path: Path, content: str) -> None:
    folder = source(tmp_path, "test.tsv")
    (folder / "qrels/test.tsv").write_text(content)
    (file,) = find_collection(TextCollectionData(source=str(folder))).qrels

    assert [row[:3] for row in parse_rows(0, file, JudgementOf())] == [("q 1", "d1", 2)]


def test_trec_judgements_may_be_divided_by_blanks(tmp_path: Path) -> None:
    folder = source(tmp_path, "test.tsv")
    (folder / "qrels/test.tsv").write_text("301 0  FBIS3-10082 1\n301 0  FBIS3-10169 0\n")
    (file,) = find_collection(TextCollectionData(source=str(folder))).qrels

    assert [row[:3] for row in parse_rows(0, file, JudgementOf())] == [
        ("301", "FBIS3-10082", 1),
        ("301", "FBIS3-10169", 0),
    ]
