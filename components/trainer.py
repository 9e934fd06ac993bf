"""The Trainer node: the stock TFX component on the family's `run_fn`."""

from __future__ import annotations

from tfx import types
from tfx.components import Trainer
from tfx.dsl.components.base import executor_spec
from tfx.proto import trainer_pb2

from components.family import Family, FamilySettings
from components.fingerprint import code_fingerprint
from components.tfjob.executor import DistributedExecutor

_SECTIONS = {"transform", "train", "serve", "compute"}


class DistributedTrainer(Trainer):
    """The stock component, but `run_fn` runs in replicas: local processes or a TFJob."""

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(DistributedExecutor)


def trainer_node(
    family: Family,
    settings: FamilySettings,
    transformed: types.BaseChannel,
    transform_graph: types.BaseChannel,
    hyperparameters: types.BaseChannel | None = None,
) -> Trainer:
    """Return the node that trains and exports the model.

    `run_fn` finds its settings in `fn_args.custom_config["settings"]`, a JSON object with the sections
    `transform`, `train`, `serve` and `compute`, and in `fn_args.hyperparameters` those that a sweep chose.

    Args:
        family: Whose `run_fn` trains.
        settings: The settings.
        transformed: The transformed examples.
        transform_graph: Transform's graph.
        hyperparameters: The best settings of a sweep; None: the settings are used as they are.
    """
    kind = DistributedTrainer if settings.compute.distributed else Trainer
    node = kind(
        run_fn=family.path("trainer", "run_fn"),
        examples=transformed,
        transform_graph=transform_graph,
        hyperparameters=hyperparameters,
        train_args=trainer_pb2.TrainArgs(splits=["train"]),
        eval_args=trainer_pb2.EvalArgs(splits=["eval"]),
        custom_config={
            "settings": settings.model_dump_json(include=_SECTIONS),
            "code": code_fingerprint(f"{family.package}.trainer"),
        },
    )
    return node.with_id("Trainer")
