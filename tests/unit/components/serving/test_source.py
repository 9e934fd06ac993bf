from __future__ import annotations

import threading

import pytest

from components.serving.config import Config, ModelConfig
from components.serving.errors import Code, ServingError
from components.serving.policy import Policy
from components.serving.source import ConfigSource, Target, Watch, versions_in


def folders(root, *names):
    for name in names:
        (root / name).mkdir(parents=True)


@pytest.mark.parametrize("name", [".staging-1", "1.tmp", "-1", "1_0", "\u0661", "+1", "1e3", str(2**63)])
def test_name_that_is_no_version_number_is_ignored(tmp_path, name):
    folders(tmp_path, name, "7")
    assert versions_in(tmp_path).keys() == {7}


def test_leading_zeros_do_not_count_and_the_plain_name_wins(tmp_path):
    folders(tmp_path, "0001", "01", "1", "0002")
    assert versions_in(tmp_path) == {1: tmp_path / "1", 2: tmp_path / "0002"}


def test_files_links_and_hidden_folders_are_ignored(tmp_path):
    folders(tmp_path, "1", ".2")
    (tmp_path / "2").write_text("a file")
    (tmp_path / "3").symlink_to(tmp_path / "1")
    assert versions_in(tmp_path) == {1: tmp_path / "1"}


def source_of(*models):
    source = ConfigSource()
    source.use(source.prepare(Config(models)))
    return source


def test_every_configured_model_is_found_with_its_policy(tmp_path):
    folders(tmp_path, "a/1", "a/12", "b")
    models = (ModelConfig("x", tmp_path / "a", Policy("all")), ModelConfig("y", tmp_path / "b"))
    assert source_of(*models).scan() == {
        "x": Target(Policy("all"), {1: tmp_path / "a" / "1", 12: tmp_path / "a" / "12"}),
        "y": Target(Policy(), {}),
    }


def test_missing_base_path_hides_every_model(tmp_path):
    folders(tmp_path, "a/1")
    source = source_of(ModelConfig("x", tmp_path / "a"), ModelConfig("y", tmp_path / "gone"))
    with pytest.raises(ServingError) as caught:
        source.scan()
    assert caught.value.message == f"Could not find base path {tmp_path}/gone for servable y"


def test_model_keeps_its_platform(tmp_path):
    source = source_of(ModelConfig("x", tmp_path))
    with pytest.raises(ServingError) as caught:
        source.prepare(Config((ModelConfig("x", tmp_path, platform="tflite"),)))
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert caught.value.message == (
        "Illegal to change a model's platform. For model x platform was tensorflow and new platform"
        " requested is tflite"
    )


def test_watching_goes_on_until_stopped():
    seen = threading.Semaphore(0)
    watch = Watch(0.001, seen.release)
    watch.start()
    assert all(seen.acquire(timeout=10) for _ in range(3))
    watch.stop()
    while seen.acquire(blocking=False):
        pass
    assert not seen.acquire(timeout=0.02)


@pytest.mark.parametrize("seconds", [0, -1])
def test_watch_without_a_pause_never_looks(seconds):
    seen = threading.Event()
    watch = Watch(seconds, seen.set)
    watch.start()
    assert not seen.wait(timeout=0.02)
    watch.stop()


def test_watch_that_never_started_can_be_stopped():
    Watch(60, print).stop()
