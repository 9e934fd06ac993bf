"""Read `--monitoring_config_file`: whether and where metrics are served."""

from __future__ import annotations

from pathlib import Path

from . import text_proto

FLAG = "--monitoring_config_file"
DEFAULT_PATH = "/monitoring/prometheus/metrics"

_SCHEMA: text_proto.Schema = {"prometheus_config": {"enable": "bool", "path": "string"}}


def metrics_path(config_file: str) -> str:
    """Return the path that serves metrics; empty when none does.

    Args:
        config_file: A MonitoringConfig as text proto; empty leaves metrics off, as TensorFlow Serving does.

    Raises:
        InputError: The file cannot be read, or is no MonitoringConfig.
    """
    if not config_file:
        return ""
    prometheus = text_proto.read(Path(config_file), FLAG, _SCHEMA).get("prometheus_config", {})
    return (prometheus.get("path") or DEFAULT_PATH) if prometheus.get("enable") else ""
