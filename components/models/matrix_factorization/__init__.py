"""Matrix factorisation: user and item embeddings and biases learned from explicit ratings."""

from __future__ import annotations

from pydantic import Field, model_validator

from components.family import (
    CatalogueColumns,
    EvaluateSettings,
    Family,
    FamilySettings,
    Query,
    Section,
    ServeSettings,
)
from components.ingest.settings import RatingsData


class TransformSettings(Section):
    """Ids become row numbers; there is nothing to set."""


class TrainSettings(Section):
    """Stochastic gradient descent on standardised ratings, so that no value depends on the rating scale.

    Attributes:
        dimensions: Length of each embedding.
        epochs: Passes over the ratings at most; early stopping chooses how many.
        patience: Stop after that many epochs without a better validation RMSE.
        validation_fraction: Share of the train split held out to choose the number of epochs; the model is
            then fitted again on the whole train split. 0 runs all epochs.
        learning_rate: Step per rating in the first epoch.
        half_life: The step falls as 1 / (1 + epoch / half_life).
        embedding_l2: L2 penalty of both embeddings, counted once per rating.
        bias_damping: L2 penalty of a bias, counted once per user or item: that many ratings equal to the
            mean are added to each.
        init_scale: Standard deviation of the first embeddings.
        batch_size: Ratings per step at most; smaller where a user or item has a large share of the ratings.
        seed: Of the held-out part, the first embeddings and the order of the ratings.
    """

    dimensions: int = Field(ge=1)
    epochs: int = Field(ge=1)
    patience: int = Field(ge=1)
    validation_fraction: float = Field(ge=0, le=0.5)
    learning_rate: float = Field(gt=0, le=0.5)
    half_life: float = Field(gt=0)
    embedding_l2: float = Field(ge=0)
    bias_damping: float = Field(ge=0)
    init_scale: float = Field(gt=0)
    # TensorFlow adds the steps of 1,024 ratings or more in parallel, in no fixed order.
    batch_size: int = Field(ge=1, le=1023)
    seed: int = Field(ge=0, lt=2**31)

    @model_validator(mode="after")
    def _penalty_cannot_overshoot(self) -> TrainSettings:
        for name, penalty in (("bias_damping", self.bias_damping), ("embedding_l2", self.embedding_l2)):
            if self.learning_rate * penalty >= 1:
                product = f"learning_rate * {name} = {self.learning_rate * penalty:g}"
                raise ValueError(f"{product} must be below 1, or training diverges; lower one of them")
        return self


class RatingEvaluateSettings(EvaluateSettings):
    """What else evaluation needs to know.

    Attributes:
        relevant_from: Lowest eval rating that makes an item relevant to the ranking metrics; None: the mean
            of the train ratings.
        ranked_users: Ranking metrics are the mean over at most that many users of the eval split, evenly
            spaced in the order of their ids.
    """

    relevant_from: float | None
    ranked_users: int = Field(ge=1)


class RankedServeSettings(ServeSettings):
    """How predicted ratings become a ranking.

    Attributes:
        rank_damping: Caution towards items with few ratings. An item's predicted lead over the average item
            is multiplied by n / (n + rank_damping * mean n), where n is its number of ratings. 0 ranks by the
            predicted rating alone, which puts obscure items first.
    """

    rank_damping: float = Field(ge=0)


class MatrixFactorizationSettings(FamilySettings):
    """All settings of matrix factorisation."""

    data: RatingsData
    transform: TransformSettings
    train: TrainSettings
    evaluate: RatingEvaluateSettings
    serve: RankedServeSettings


FAMILY = Family(
    package=__name__,
    title="Matrix factorisation: predict ratings and recommend items from explicit ratings",
    task="recommendation",
    settings=MatrixFactorizationSettings,
    signatures=("serving_default", "retrieve", "similar", "rate", "embed", "vectors", "titles"),
    query=Query(options=(("user", "user_id"),), constants=(("exclude_seen", True),)),
    splits=("train", "eval", "items", "users"),
    analyzed="train",
    distribution=("multi_worker", "parameter_server"),
    tuning_metrics=("rmse",),
    catalogue=CatalogueColumns(
        items="items",
        item_id="item_id",
        metadata=("genres",),
        categories="genres",
        events=("train", "eval"),
    ),
)
