"""What the `data` section of a family's settings says; imports no TensorFlow."""

from __future__ import annotations

import codecs
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PrivateAttr, field_validator, model_validator

from components.family import Section


def _readable_line_by_line(name: str) -> str:
    if not name:
        return name
    try:
        known = codecs.lookup(name).name
    except LookupError:
        raise ValueError(f"`{name}` is not an encoding; e.g. utf-8, latin-1, cp1252") from None
    if known.startswith(("utf-16", "utf-32")):
        raise ValueError(f"`{name}` cannot be read line by line; convert the files to utf-8")
    return name


Encoding = Annotated[str, AfterValidator(_readable_line_by_line)]


class SplitSettings(Section):
    """How interactions are divided into `train` and `eval`.

    Attributes:
        method: `random`: a hash of seed, user and item decides; `leave_last`: each user's `last`
            latest interactions go to eval; `files`: the files `train` and `eval` are the splits.
        eval_fraction: Expected share of eval under `random`.
        seed: Changes which interactions `random` puts in eval.
        last: Interactions per user in eval under `leave_last`; a user with no more than that stays in train.
        train: File of the train split under `files`, relative to the source.
        eval: File of the eval split under `files`, relative to the source.
    """

    method: Literal["random", "leave_last", "files"]
    eval_fraction: float = Field(default=0.1, gt=0, lt=1)
    seed: int = 0
    last: int = Field(default=1, ge=1)
    train: str = ""
    eval: str = ""

    @model_validator(mode="after")
    def _files_are_named(self) -> SplitSettings:
        if self.method == "files" and not (self.train and self.eval):
            raise ValueError("method `files` needs both `split.train` and `split.eval`")
        return self


class TableData(Section):
    """What every data set of users, items and their interactions has in common.

    Attributes:
        source: A folder or file, the name of a data set in the catalogue, or `sample`.
        items: File of the item table, relative to the source; empty: found by its usual name.
        users: File of the user table, relative to the source; empty: found by its usual name.
        columns: Our column name -> the file's, for a header that the usual names do not cover.
        ignore_columns: Header names that are not read.
        encoding: Of every file; empty: the layout's own, else utf-8.
        delimiter: Of every file; empty: found from each file's first line.
        quoting: `csv`: double quotes may enclose a field; `none`: they are ordinary characters;
            `auto`: `csv` unless the delimiter is `|` or `::`.
    """

    source: str
    items: str = ""
    users: str = ""
    columns: dict[str, str] = Field(default_factory=dict)
    ignore_columns: tuple[str, ...] = ()
    encoding: Encoding = ""
    delimiter: str = ""
    quoting: Literal["auto", "csv", "none"] = "auto"
    split: SplitSettings

    @property
    def interactions_file(self) -> str:
        """Return the file of the interactions, as set; empty: found by its usual name."""
        return ""


class RatingsData(TableData):
    """Explicit ratings.

    Attributes:
        ratings: File of the ratings, relative to the source; empty: found by its usual name.
        rating_range: Lowest and highest rating that is not an error.
        feedback: Whether ratings that users gave through the gateway are read too.
    """

    ratings: str = ""
    rating_range: tuple[float, float]
    feedback: bool = False
    _feedback_file: str = PrivateAttr(default="")

    @property
    def feedback_file(self) -> str:
        """Return the file of those ratings; empty when there are none."""
        return self._feedback_file

    def with_feedback(self, path: str) -> RatingsData:
        """Return the same settings with a file of ratings from feedback."""
        changed = self.model_copy()
        changed._feedback_file = path
        return changed

    @property
    def interactions_file(self) -> str:
        """Return the file of the ratings, as set."""
        return self.ratings

    @field_validator("rating_range")
    @classmethod
    def _low_before_high(cls, value: tuple[float, float]) -> tuple[float, float]:
        if value[0] >= value[1]:
            raise ValueError(f"the lowest rating must be below the highest, but got [{value[0]}, {value[1]}]")
        return value


class InteractionsData(TableData):
    """Implicit feedback: that a user had to do with an item, not how much they liked it.

    Attributes:
        interactions: File of the interactions, relative to the source; empty: found by its usual name.
        min_rating: When the file has ratings, those below this are left out; None keeps all.
    """

    interactions: str = ""
    min_rating: float | None = None

    @property
    def interactions_file(self) -> str:
        """Return the file of the interactions, as set."""
        return self.interactions


class TextCollectionData(Section):
    """A text collection in BEIR form: documents, queries and judgements.

    Attributes:
        source: A folder, the name of a data set in the catalogue, or `sample`.
        encoding: Of every file.
        train_qrels: Judgements of the train split, relative to the source; empty: `qrels/train.tsv`, else
            `qrels/dev.tsv`; a collection without either has an empty train split.
        eval_qrels: Judgements of the eval split; empty: `qrels/test.tsv`, else `dev.tsv`, else the only file.
    """

    source: str
    encoding: Encoding = "utf-8"
    train_qrels: str = ""
    eval_qrels: str = ""
