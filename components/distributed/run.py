"""Run the family's `run_fn` in a replica."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable
from types import SimpleNamespace

from components.distributed.backup import Backup
from components.distributed.cluster import Cluster
from components.distributed.request import Request
from components.distributed.strategy import build_strategy
from components.distributed.training import KEY, Training

_LOG = logging.getLogger(__name__)


def run(request: Request, cluster: Cluster, progress: Callable[[str], None]) -> None:
    """Train; the chief's outputs are under the request's folder afterwards.

    Waits for all other replicas first. TFX is not imported, which saves a restarted replica ten seconds:
    `run_fn` is given the fields of FnArgs, but for `data_accessor`.
    """
    _LOG.info("%s joins %s", cluster.name, ", ".join(cluster.names))
    strategy = build_strategy(cluster)
    backup = Backup(request.backup, writes=cluster.is_chief)
    training = Training(request.compute, strategy, cluster, backup, progress)
    config = {**request.arguments["custom_config"], KEY: training}
    module, _, function = request.run_fn.rpartition(".")
    run_fn = getattr(importlib.import_module(module), function)
    run_fn(SimpleNamespace(**{**request.arguments, "custom_config": config}))
    progress("waiting for the chief to export the model")
    training.meet()
