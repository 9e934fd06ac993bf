"""What a family's `run_fn` sees of the processes that train together."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf

from components.distributed.backup import Backup
from components.distributed.cluster import Cluster
from components.distributed.strategy import build_strategy
from components.family import ComputeSettings

KEY = "training"


def _unwatched(what: str) -> None:
    del what


@dataclass(frozen=True)
class Training:
    """One process's part in a training.

    Attributes:
        compute: The settings.
        strategy: Where variables live and steps run.
        cluster: The processes; None for one on its own.
        backup: Where a restarted process continues from.
        progress: To be called with a few words after every step or so; without calls the process is ended.
    """

    compute: ComputeSettings = field(default_factory=ComputeSettings)
    strategy: tf.distribute.Strategy = field(default_factory=tf.distribute.get_strategy)
    cluster: Cluster | None = None
    backup: Backup = field(default_factory=Backup)
    progress: Callable[[str], None] = _unwatched

    @classmethod
    def of(cls, fn_args: Any) -> Training:
        """Return the part that `run_fn` was given; without one, that of a process on its own.

        Args:
            fn_args: TFX's FnArgs; `custom_config["settings"]` may have a section `compute`.
        """
        given = fn_args.custom_config.get(KEY)
        if isinstance(given, Training):
            return given
        sections = json.loads(fn_args.custom_config["settings"])
        compute = ComputeSettings.model_validate(sections.get("compute", {}))
        return cls(compute, build_strategy(None))

    @property
    def is_chief(self) -> bool:
        """Return whether this process writes logs and exports the model."""
        return self.cluster is None or self.cluster.is_chief

    @property
    def has_parameter_servers(self) -> bool:
        """Return whether variables live on parameter servers, so that steps have to be scheduled."""
        return self.cluster is not None and self.cluster.has_parameter_servers

    @property
    def strategy_name(self) -> str:
        """Return the public name of the strategy."""
        own = type(self.strategy).__name__.removesuffix("V2")
        return {"CollectiveAllReduceStrategy": "MultiWorkerMirroredStrategy"}.get(own, own)

    @property
    def is_plain(self) -> bool:
        """Return whether nothing is asked for that a loop without tf.distribute does not do."""
        asked = self.compute.xla or self.compute.mixed_precision
        return self.strategy is tf.distribute.get_strategy() and not asked

    def agree(self, state: int) -> None:
        """Make sure that all workers continue from the same `state`, a number that stands for it.

        Raises:
            ConnectionError: They do not: one read the backup before and one after it was renewed. All have
                to be started again.
        """
        if self.cluster is None or self.has_parameter_servers:
            return
        states = set(self._gather(state))
        if len(states) > 1:
            raise ConnectionError(f"The workers have restored different states: {sorted(states)}.")

    def meet(self) -> None:
        """Return when all workers have come here.

        Until the chief has exported the model they may be needed again: a chief that is lost and started
        again cannot train without them.
        """
        if self.cluster is not None and not self.has_parameter_servers:
            self._gather(0)

    def _gather(self, number: int) -> list[int]:
        @tf.function
        def gather() -> tf.Tensor:
            local = self.strategy.run(lambda: tf.constant([number], tf.int64))
            return self.strategy.gather(local, axis=0)

        return [int(value) for value in gather().numpy()]
