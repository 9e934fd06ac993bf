"""Put together what holds the models, as the options ask for it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from components import artifact

from . import operations, servable, warmup
from .loader import Loader
from .manager import Manager
from .memory import Memory
from .metrics import Metrics
from .options import LoadOptions, ServerOptions
from .root_config import RootSource
from .source import ConfigSource, Source
from .versions import OnEvent, Versions

_MICROS = 1e-6


def make_manager(
    options: ServerOptions, on_event: OnEvent, metrics: Metrics, load: LoadOptions | None = None
) -> Manager:
    """Return a manager that has not looked at the disk yet.

    Args:
        options: What to serve and how.
        on_event: Gets one event for each version loaded, unloaded or failed.
        metrics: Counts and times the loading.
        load: How versions are loaded; by default as the options say, without batching.

    Raises:
        InputError: The file of deployments cannot be understood.
    """
    loader = Loader(
        partial(verify, options=options),
        metrics.loading(partial(load_warm, options=load or options.load)),
        Memory(options.memory_limit_bytes),
        retries=options.max_num_load_retries,
        retry_seconds=options.load_retry_interval_micros * _MICROS,
    )
    versions = Versions(
        loader,
        on_event,
        load_threads=max(1, options.num_load_threads),
        unload_threads=max(1, options.num_unload_threads),
    )
    root = options.root
    source: Source = RootSource(root, options.deployments) if root is not None else ConfigSource()
    return Manager(
        source,
        versions,
        on_event,
        allow_unused_labels=options.allow_version_labels_for_unavailable_models,
        allow_any_labels=options.force_allow_any_version_labels_for_unavailable_models,
    )


def load_warm(path: Path, options: LoadOptions) -> servable.Servable:
    """Return a loaded version that has answered its own warm-up requests.

    Raises:
        Exception: Whatever TensorFlow makes of it, or a warm-up request failed.
    """
    made = servable.load(path, options)
    try:
        if options.warm_up:
            warmup.replay(made, path, options.warm_up_iterations)
    except Exception:
        made.close()
        raise
    return made


def verify(path: Path, options: ServerOptions) -> None:
    """Check a version's files against its manifest, and its operations.

    Raises:
        LodestarError: It must not be served.
    """
    if options.require_manifest or (path / artifact.MANIFEST).exists():
        artifact.verify(path)
    operations.check(path, [name for name in options.extra_allowed_ops.split(",") if name])
