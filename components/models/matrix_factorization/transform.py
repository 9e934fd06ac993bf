"""Ids to row numbers; the vocabularies are those of the train split, the most frequent id first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from . import TransformSettings

USERS = "user_id"
ITEMS = "item_id"


def preprocessing_fn(
    inputs: Mapping[str, tf.SparseTensor], custom_config: Mapping[str, Any]
) -> dict[str, tf.SparseTensor]:
    """Add row numbers to every split.

    Args:
        inputs: Sparse `[batch, 1]` features `user_id`, `item_id`, `rating`, `title` and `[batch, n]`
            `genres`; each is without values in the splits that do not have it.
        custom_config: `{"transform": <the section of the settings>}`.

    Returns:
        Sparse `[batch, 1]`: `user` and `item`, int64, -1 for an id that is not in the train split; `item_id`,
        `rating`, `title` and `genres` as they came.
    """
    TransformSettings.model_validate(custom_config["transform"])
    return {
        "user": tft.compute_and_apply_vocabulary(inputs["user_id"], vocab_filename=USERS),
        "item": tft.compute_and_apply_vocabulary(inputs["item_id"], vocab_filename=ITEMS),
        "item_id": inputs["item_id"],
        "rating": inputs["rating"],
        "title": inputs["title"],
        "genres": inputs["genres"],
    }
