"""The alerts fire when they should and not before; promtool plays the scenarios of alerts.yaml.

The dashboard asks what Prometheus understands, of series that there are.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.gateway.metrics import Metrics as GatewayMetrics
from components.serving.errors import Code
from components.serving.metrics import Metrics
from tests.cluster.overlays import ROOT

MONITORING = ROOT / "manifests/components/monitoring"
SCENARIOS = Path(__file__).with_name("alerts.yaml")


@pytest.fixture(scope="module")
def rules() -> list[dict[str, Any]]:
    spec = yaml.safe_load((MONITORING / "rules.yaml").read_text(encoding="utf-8"))["spec"]
    return [rule for group in spec["groups"] for rule in group["rules"]]


@pytest.fixture
def promtool(tmp_path: Path) -> Any:
    """`promtool(*arguments)` in a folder with `rules.yaml`, what the PrometheusRule holds."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "lodestar/bin"
    found = shutil.which("promtool") or shutil.which("promtool", path=str(cache))
    if not found:
        pytest.skip("promtool is not installed; `make promtool` builds it")
    spec = yaml.safe_load((MONITORING / "rules.yaml").read_text(encoding="utf-8"))["spec"]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(spec), encoding="utf-8")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(found), *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)

    return run


def test_promtool_finds_no_fault_in_the_rules(promtool: Any, rules: list[dict[str, Any]]) -> None:
    done = promtool("check", "rules", "--lint=all", "--lint-fatal", "rules.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules)} rules found" in done.stdout


def test_alerts_fire_when_they_should_and_not_before(promtool: Any, tmp_path: Path) -> None:
    scenarios = yaml.safe_load(SCENARIOS.read_text(encoding="utf-8"))
    (tmp_path / "tests.yaml").write_text(
        yaml.safe_dump({"rule_files": ["rules.yaml"], **scenarios}), encoding="utf-8"
    )
    done = promtool("test", "rules", "tests.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_rule_that_does_not_fire_is_noticed(promtool: Any, tmp_path: Path) -> None:
    text = SCENARIOS.read_text(encoding="utf-8").replace("values: '0+50x120'", "values: '0+0x120'")
    (tmp_path / "tests.yaml").write_text("rule_files: [rules.yaml]\n" + text, encoding="utf-8")
    assert promtool("test", "rules", "tests.yaml").returncode != 0


def test_every_alert_has_a_scenario_in_which_it_fires(rules: list[dict[str, Any]]) -> None:
    tests = yaml.safe_load(SCENARIOS.read_text(encoding="utf-8"))["tests"]
    fired = {one["alertname"] for test in tests for one in test["alert_rule_test"] if one["exp_alerts"]}
    assert fired == {rule["alert"] for rule in rules if "alert" in rule}


def test_alerts_say_what_to_do_and_how_urgent_it_is(rules: list[dict[str, Any]]) -> None:
    for rule in (rule for rule in rules if "alert" in rule):
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"].keys() == {"summary", "description"}
        assert rule["annotations"]["description"].endswith(".")


def test_rules_and_dashboard_read_series_that_are_exported(rules: list[dict[str, Any]]) -> None:
    series = {line.partition("{")[0] for line in _exported().splitlines() if not line.startswith("#")}
    recorded = {rule["record"] for rule in rules if "record" in rule}
    names = re.compile(r"(?<!\w):?\w+(?::\w+)+|lodestar_gateway_\w+")
    asked = [*(rule["expr"] for rule in rules), *_panels()]
    read = {name for expression in asked for name in names.findall(expression)}
    assert len(read - recorded) >= 7
    assert read <= series | recorded


def test_rules_select_outcomes_that_are_exported(rules: list[dict[str, Any]]) -> None:
    exported = _exported()
    statuses = set(re.findall(r'status="([^"]+)"', exported))
    for rule in rules:
        for values in re.findall(r'status=~?"([^"]+)"', rule["expr"]):
            assert all(any(re.fullmatch(value, one) for one in statuses) for value in values.split("|"))


def test_panels_ask_what_prometheus_understands(promtool: Any, tmp_path: Path) -> None:
    panels = _panels()
    assert len(panels) >= 8
    rules = [{"record": f"panel:{number}", "expr": text} for number, text in enumerate(panels)]
    content = {"groups": [{"name": "panels", "rules": rules}]}
    (tmp_path / "panels.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    done = promtool("check", "rules", "--lint=none", "panels.yaml")
    assert f"{len(panels)} rules found" in done.stdout, done.stdout + done.stderr


def _panels() -> list[str]:
    dashboard = json.loads((MONITORING / "dashboard.json").read_text(encoding="utf-8"))
    return [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]


def _exported() -> str:
    """Return what a server exports after requests and loads, good and bad."""
    metrics = Metrics()

    def load(path: Path) -> None:
        if path.name == "2":
            raise ValueError

    metrics.loading(load)(Path("/m/1"))
    with pytest.raises(ValueError):
        metrics.loading(load)(Path("/m/2"))
    for code in Code:
        metrics.request("f", "Predict", "GRPC", code, 0.001)
    metrics.run("f", "Predict", lambda: None)
    gateway = GatewayMetrics()
    gateway.requests.labels("/v1/search", "GET", "503").inc()
    gateway.seconds.labels("/v1/search").observe(0.1)
    gateway.answers.labels("f", "1", "stable").inc()
    gateway.model_retries.labels("f").inc()
    return metrics.render() + gateway.text().decode()
