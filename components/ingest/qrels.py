"""Judgements: BEIR's three columns, with or without a header, and TREC's four."""

from __future__ import annotations

from components.ingest import values
from components.ingest.columns import Column, Table
from components.ingest.delimited import Row, TableFile

QRELS = Table(
    "judgements",
    (
        Column("query-id", frozenset({"qid", "query", "topic", "topicid"}), required=True),
        Column("corpus-id", frozenset({"docid", "did", "doc", "docno", "documentid", "pid"}), required=True),
        Column("score", frozenset({"relevance", "rel", "grade", "label"}), required=True),
    ),
    positional=(("query-id", "corpus-id", "score"), ("query-id", "", "corpus-id", "score")),
)

Judgement = tuple[str, str, int, int, int]


class JudgementOf:
    """Row of a qrels file -> (query id, document id, grade, index of the file, line)."""

    def __call__(self, index: int, file: TableFile, row: Row) -> Judgement:
        """Return what `row` says.

        Raises:
            BadValue: An id is empty, or the score is no whole number.
        """
        query = values.identifier(row.fields["query-id"], "query-id")
        document = values.identifier(row.fields["corpus-id"], "corpus-id")
        return query, document, values.whole(row.fields["score"], "score"), index, row.line
