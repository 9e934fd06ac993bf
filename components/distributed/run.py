"""Run the family's `run_fn` in a replica."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from tfx.components.trainer.executor import GenericExecutor
from tfx.components.util import udf_utils
from tfx.utils import json_utils

from components.distributed.backup import Backup
from components.distributed.cluster import Cluster
from components.distributed.request import Request
from components.distributed.strategy import build_strategy
from components.distributed.training import KEY, Training

_LOG = logging.getLogger(__name__)


class _StockTrainer(GenericExecutor):
    def fn_args(self, inputs: Any, outputs: Any, properties: Any) -> Any:
        return self._GetFnArgs(inputs, outputs, properties)


def run(request: Request, cluster: Cluster, progress: Callable[[str], None]) -> None:
    """Train; the chief's outputs are under the request's folder afterwards.

    Waits for all other replicas first.
    """
    _LOG.info("%s joins %s", cluster.name, ", ".join(cluster.names))
    strategy = build_strategy(cluster)
    node = json_utils.loads(request.node)
    fn_args = _StockTrainer().fn_args(node["inputs"], node["outputs"], node["properties"])
    backup = Backup(request.backup, writes=cluster.is_chief)
    training = Training(request.compute, strategy, cluster, backup, progress)
    fn_args.custom_config = {**fn_args.custom_config, KEY: training}
    udf_utils.get_fn(node["properties"], "run_fn")(fn_args)
