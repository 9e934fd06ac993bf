"""What a probe sees while a model is not available: why it must ask for metadata, not for the status."""

from __future__ import annotations

import os

import pytest
import requests

from tests.contract.models import publish_half_plus_two
from tests.contract.server_process import ServerProcess

pytestmark = pytest.mark.skipif(
    "LODESTAR_CONTRACT_URL" in os.environ, reason="that server must be able to start with a broken model"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    root = tmp_path_factory.mktemp("readiness")
    (root / "broken").mkdir()
    (publish_half_plus_two(root / "broken", 1) / "saved_model.pb").write_bytes(b"\n\x03")
    with ServerProcess(root) as running:
        running.wait_for("failed", "broken", 1)
        yield running


@pytest.mark.parametrize(
    "version", [pytest.param("", id="P10"), pytest.param("/versions/1", id="P10-version")]
)
def test_status_is_fine_after_the_end_but_metadata_is_not_found(server, version):
    path = f"{server.rest}/v1/models/broken{version}"
    status = requests.get(path, timeout=10)
    [entry] = status.json()["model_version_status"]
    assert (status.status_code, entry["state"]) == (200, "END")
    assert entry["status"]["error_code"] != "OK"
    assert entry["status"]["error_message"]
    assert requests.get(f"{path}/metadata", timeout=10).status_code == 404
