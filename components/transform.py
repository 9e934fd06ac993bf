"""The Transform node: the stock TFX component on the family's `preprocessing_fn`."""

from __future__ import annotations

from tfx import types
from tfx.components import Transform
from tfx.proto import transform_pb2

from components.family import Family, FamilySettings
from components.fingerprint import code_fingerprint


def transform_node(
    family: Family, settings: FamilySettings, examples: types.BaseChannel, schema: types.BaseChannel
) -> Transform:
    """Return the node that analyzes one split and transforms them all.

    `preprocessing_fn` gets `custom_config={"transform": <the transform section>, "code": <fingerprint>}`;
    the fingerprint is there so that changed code runs again.
    """
    return Transform(
        examples=examples,
        schema=schema,
        preprocessing_fn=family.path("transform", "preprocessing_fn"),
        splits_config=transform_pb2.SplitsConfig(analyze=[family.analyzed], transform=list(family.splits)),
        custom_config={
            "transform": settings.transform.model_dump(mode="json"),
            "code": code_fingerprint(f"{family.package}.transform"),
        },
    )
