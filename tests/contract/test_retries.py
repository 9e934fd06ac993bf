"""A version that fails to load is tried again; with one loading thread, everything else waits for it."""

from __future__ import annotations

import os
import shutil

import pytest

from tests.contract.models import publish_half_plus_two, write_manifest
from tests.contract.server_process import ServerProcess
from tests.contract.test_reload import Served

pytestmark = pytest.mark.skipif(
    "LODESTAR_CONTRACT_URL" in os.environ, reason="the flags of that server are not ours to choose"
)


def corrupt(m: Served) -> None:
    """Publish a version whose files are as the manifest says, but no variables can be read from them."""
    staged = m.folder / ".staging-2"
    shutil.copytree(m.folder / "1", staged)
    shutil.rmtree(staged / "variables")
    write_manifest(staged)
    staged.rename(m.folder / "2")


@pytest.fixture
def start(tmp_path):
    """Return what starts a server of two models and then breaks one's next version."""
    broken, good = (Served(None, tmp_path / name) for name in ("broken", "good"))
    for m in (broken, good):
        m.folder.mkdir()
        publish_half_plus_two(m.folder, 1)
    path = tmp_path / "models.config"
    path.write_text(f"model_config_list {{ {broken.config()} {good.config()} }}")

    def started(*flags: str) -> ServerProcess:
        common = (f"--model_config_file={path}", "--file_system_poll_wait_seconds=0.02")
        server = ServerProcess(None, flags=[*common, "--max_num_load_retries=1", *flags])
        corrupt(broken)
        Served(server, broken.folder).wait_for_state(2, "LOADING")
        publish_half_plus_two(good.folder, 2)
        return server

    return started


def test_version_that_fails_is_tried_again_and_the_only_loading_thread_waits(start, tmp_path):  # V11
    with start("--num_load_threads=0", "--load_retry_interval_micros=1000000") as server:
        server.wait_for("loaded", "good", 2)
        ends = [(e["kind"], e["model"]) for e in server.events if e["version"] == 2]
        assert ends == [("failed", "broken"), ("loaded", "good")]
        assert Served(server, tmp_path / "broken").states() == {1: "AVAILABLE", 2: "END"}


def test_second_loading_thread_loads_other_models_meanwhile(start, tmp_path):
    with start("--num_load_threads=2", "--load_retry_interval_micros=3600000000") as server:
        server.wait_for("loaded", "good", 2)
        assert Served(server, tmp_path / "broken").states() == {1: "AVAILABLE", 2: "LOADING"}
        assert server.stop() == 0
