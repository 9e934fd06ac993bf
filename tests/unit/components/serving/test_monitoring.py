from __future__ import annotations

import pytest

from components.errors import InputError
from components.serving import monitoring


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('prometheus_config { enable: true, path: "/metrics" }', "/metrics"),
        ("prometheus_config: {enable: true}", "/monitoring/prometheus/metrics"),
        ('prometheus_config { path: "/metrics" }', ""),
        ("", ""),
    ],
)
def test_metrics_are_where_the_file_says(tmp_path, text, path):
    config = tmp_path / "monitoring.config"
    config.write_text(text)
    assert monitoring.metrics_path(str(config)) == path


def test_metrics_are_off_without_a_file():
    assert monitoring.metrics_path("") == ""


def test_an_unknown_field_is_refused(tmp_path):
    config = tmp_path / "monitoring.config"
    config.write_text("prometheus { enable: true }")
    with pytest.raises(InputError, match="prometheus"):
        monitoring.metrics_path(str(config))
