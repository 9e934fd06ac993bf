"""Text search: a query string in, ranked documents out; five encoders to choose from."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from components.family import CatalogueColumns, Family, FamilySettings, Query, Section
from components.ingest.settings import TextCollectionData

Component = Literal["tfidf", "bm25", "glove", "lsa"]


class TransformSettings(Section):
    """How text becomes terms; queries and documents alike.

    Attributes:
        stemmer: `porter` for English, `none` for other languages.
        stop_words: `english` drops English function words, `none` keeps all words.
        min_document_frequency: Terms in fewer documents are dropped.
        max_vocabulary: Only that many terms are kept, those in the most documents.
    """

    stemmer: Literal["porter", "none"]
    stop_words: Literal["english", "none"]
    min_document_frequency: int = Field(ge=1)
    max_vocabulary: int = Field(ge=1)


class TrainSettings(Section):
    """Which encoder, and its parameters.

    Attributes:
        encoder: `tfidf`: one dimension per term, cosine; `bm25`: Okapi BM25; `glove`: mean of pre-trained
            word vectors; `lsa`: truncated SVD of tf-idf; `fused`: several of these together.
        k1: BM25: how soon repeating a term stops to count.
        b: BM25: 0 ignores the length of a document, 1 normalises by it fully.
        dimensions: LSA: size of the embedding; at most one less than the collection has documents or terms.
        sampled_documents: LSA: the SVD is computed on at most that many documents, drawn by `seed`.
        vectors: GloVe: a text file of word vectors (`word n n n ...`), `.gz` or not; `sample/...` is the
            family's own.
        fuse: Fused: the encoders that take part.
        fusion: Fused: `score` adds min-max normalised scores, `rrf` reciprocal ranks.
        weights: Fused: one weight for each encoder in `fuse`: what is used without training queries. With
            them the first is kept, the others are fitted and these are the prior; 0 leaves an encoder out.
        seed: Of the SVD and of every draw.
    """

    encoder: Literal["tfidf", "bm25", "glove", "lsa", "fused"]
    k1: float = Field(ge=0)
    b: float = Field(ge=0, le=1)
    dimensions: int = Field(ge=1)
    sampled_documents: int = Field(ge=2)
    vectors: str
    fuse: tuple[Component, ...] = Field(min_length=2)
    fusion: Literal["score", "rrf"]
    weights: tuple[float, ...]
    seed: int = Field(ge=0)

    @model_validator(mode="after")
    def _one_weight_each(self) -> TrainSettings:
        if len(set(self.fuse)) != len(self.fuse):
            raise ValueError(f"`fuse` names an encoder twice: {', '.join(self.fuse)}; name each once")
        if len(self.weights) != len(self.fuse):
            counts = f"{len(self.weights)} weights for {len(self.fuse)} encoders in `fuse`"
            raise ValueError(f"{counts}; give one weight for each")
        if self.weights[0] <= 0 or min(self.weights) < 0:
            raise ValueError(f"weights {self.weights} must be >= 0 and the first > 0; mend `weights`")
        return self


class TextSearchSettings(FamilySettings):
    """All settings of text search."""

    data: TextCollectionData
    transform: TransformSettings
    train: TrainSettings


FAMILY = Family(
    package=__name__,
    title="Text search: rank documents for a query string (tf-idf, BM25, GloVe, LSA, fused)",
    task="search",
    settings=TextSearchSettings,
    signatures=("serving_default", "retrieve", "similar", "embed", "vectors", "titles"),
    query=Query(text_input="query"),
    splits=("train", "eval", "corpus"),
    analyzed="corpus",
    tuning_metrics=("ndcg@10", "map@100", "recall@100", "mrr@100"),
    catalogue=CatalogueColumns(items="corpus", item_id="id", metadata=("text",)),
)
