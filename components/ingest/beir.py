"""Read a text collection in BEIR form: corpus, queries and qrels.

A family's `ingest.py` is `from components.ingest.beir import files, read`. Splits and features:

    corpus        id, title, text: all always there, an absent title or text is ""
    train, eval   id, text, relevant_ids (a list), relevant_grades (as long): one record per judged query

Only judgements with a score above 0 are kept: for every metric that is used here a document that was judged
not relevant counts like one that was not judged. A query without any other judgement has no record.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput

from components.ingest.contract import Ingested, Record, RowError
from components.ingest.json_lines import Entry, read_json_lines
from components.ingest.qrels import JudgementOf
from components.ingest.settings import TextCollectionData
from components.ingest.table_reader import ERRORS, read_table
from components.ingest.text_collection import Collection, find_collection

_REQUIRED = {
    "corpus": "Give a corpus with at least one document.",
    "eval": "Give judgements with a score above 0, or name others with `data.eval_qrels`.",
}


def files(data: TextCollectionData) -> list[str]:
    """Return the path of every file that `read` reads.

    Raises:
        InputError: One of them is not there.
    """
    return find_collection(data).files()


def read(pipeline: beam.Pipeline, data: TextCollectionData) -> Ingested:
    """Return the documents and the judged queries of `data`.

    Of several lines with the same id, or judgements of the same query and document, the last is kept.
    """
    found = find_collection(data)
    corpus = read_json_lines(pipeline, "Corpus", found.corpus, data.encoding, text_required=False)
    queries = read_json_lines(pipeline, "Queries", found.queries, data.encoding, text_required=True)
    qrels = read_table(pipeline, "Qrels", found.qrels, JudgementOf())
    documents = _last(corpus.good, "Documents")
    texts = _last(queries.good, "QueryTexts")
    known = _known_documents(documents.main, qrels.good, found)
    judged = _judged_queries(texts.main, known.main, found)
    empty = documents.main | "EmptyDocuments" >> beam.Filter(lambda kv: not (kv[1][1] or kv[1][2]))
    return Ingested(
        splits={
            "corpus": documents.main | "DocumentRecord" >> beam.MapTuple(_document),
            "train": judged.train,
            "eval": judged.eval,
        },
        errors=(corpus.errors, queries.errors, qrels.errors, known[ERRORS], judged[ERRORS]) | beam.Flatten(),
        counts={
            "documents": documents.main,
            "training queries": judged.train,
            "test queries": judged.eval,
        },
        notes={
            "duplicate documents dropped (last kept)": documents.duplicate,
            "duplicate queries dropped (last kept)": texts.duplicate,
            "duplicate judgements dropped (last kept)": judged.duplicate,
            "judgements of 0 or less left out": judged.irrelevant,
            "documents without any text": empty,
        },
        required=_REQUIRED,
    )


def _last(entries: beam.PCollection, name: str) -> Any:
    """Return (id, (line, title, text)), one per id; what is dropped is tagged `duplicate`."""
    grouped = entries | f"Group{name}" >> beam.GroupByKey()
    return grouped | f"Last{name}" >> beam.ParDo(_keep_last).with_outputs("duplicate", main="main")


def _keep_last(element: tuple[str, Iterable[Entry]]) -> Iterator[Any]:
    key, entries = element
    *earlier, last = sorted(entries)
    yield from (TaggedOutput("duplicate", key) for _ in earlier)
    yield key, last


def _document(key: str, entry: Entry) -> Record:
    _, title, text = entry
    return {"id": key, "title": title, "text": text}


def _known_documents(documents: beam.PCollection, judgements: beam.PCollection, found: Collection) -> Any:
    """Return (query id, judgement) where the corpus has the document."""
    by_document = judgements | "ByDocument" >> beam.Map(lambda judgement: (judgement[1], judgement))
    ids = documents | "DocumentIds" >> beam.Map(lambda kv: (kv[0], True))
    joined = {"known": ids, "judgements": by_document} | "JoinDocuments" >> beam.CoGroupByKey()
    return joined | "CheckDocuments" >> beam.ParDo(_check_document, found).with_outputs(ERRORS, main="main")


def _check_document(element: tuple[str, dict[str, Iterable[Any]]], found: Collection) -> Iterator[Any]:
    document, joined = element
    known = any(joined["known"])
    for judgement in joined["judgements"]:
        if known:
            yield judgement[0], judgement
        else:
            yield TaggedOutput(ERRORS, _unknown("document", document, judgement, found, found.corpus))


def _judged_queries(texts: beam.PCollection, judgements: beam.PCollection, found: Collection) -> Any:
    joined = {"texts": texts, "judgements": judgements} | "JoinQueries" >> beam.CoGroupByKey()
    return joined | "JudgedQueries" >> beam.ParDo(_judged, found).with_outputs(
        "train", "eval", "duplicate", "irrelevant", ERRORS
    )


def _judged(element: tuple[str, dict[str, Iterable[Any]]], found: Collection) -> Iterator[TaggedOutput]:
    query, joined = element
    judgements = sorted(joined["judgements"], key=lambda judgement: judgement[3:])
    texts = [text for _, _, text in joined["texts"]]
    if not texts:
        errors = (_unknown("query", query, judgement, found, found.queries) for judgement in judgements)
        yield from (TaggedOutput(ERRORS, error) for error in errors)
        return
    for split in ("train", "eval"):
        rows = [judgement for judgement in judgements if found.qrels[judgement[3]].split == split]
        grades = {document: grade for _, document, grade, _, _ in rows}
        relevant = {document: grade for document, grade in grades.items() if grade > 0}
        yield from (TaggedOutput("duplicate", query) for _ in range(len(rows) - len(grades)))
        yield from (TaggedOutput("irrelevant", query) for _ in range(len(grades) - len(relevant)))
        if relevant:
            yield TaggedOutput(split, _query(query, texts[0], relevant))


def _query(key: str, text: str, relevant: dict[str, int]) -> Record:
    return {"id": key, "text": text, "relevant_ids": [*relevant], "relevant_grades": [*relevant.values()]}


def _unknown(what: str, key: str, judgement: tuple[Any, ...], found: Collection, where: str) -> RowError:
    _, _, _, index, line = judgement
    problem = f"The judgement names the {what} `{key}`, which `{where}` does not have."
    cure = f"Remove the judgement, or add the {what}."
    return RowError(found.qrels[index].path, line, problem, cure, may_follow=True)
