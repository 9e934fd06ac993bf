from __future__ import annotations

import pytest

from components.serving.errors import Code, ServingError
from components.serving.memory import Memory, estimate, free_bytes, used_bytes


def version(tmp_path, size):
    folder = tmp_path / str(size)
    (folder / "variables").mkdir(parents=True)
    (folder / "variables" / "data").write_bytes(b"x" * size)
    return folder


def test_version_is_taken_to_need_more_than_its_files(tmp_path):
    assert estimate(version(tmp_path, 1000)) == 1200


def test_version_that_does_not_fit_is_refused(tmp_path):
    memory = Memory(free=lambda: 1199)
    with pytest.raises(ServingError) as caught, memory.reserved("m", 3, version(tmp_path, 1000)):
        pass
    assert caught.value.code is Code.RESOURCE_EXHAUSTED
    assert caught.value.message == "Insufficient resources to load servable {name: m version: 3}"


def test_versions_that_load_at_the_same_time_share_what_is_free(tmp_path):
    memory, folder = Memory(free=lambda: 2000), version(tmp_path, 1000)
    with memory.reserved("m", 1, folder), pytest.raises(ServingError), memory.reserved("m", 2, folder):
        pass
    with memory.reserved("m", 2, folder):
        pass


def test_limit_counts_what_the_process_takes_already(tmp_path):
    folder = version(tmp_path, 1000)
    with Memory(limit_bytes=2000, free=lambda: 10**9, used=lambda: 800).reserved("m", 1, folder):
        pass
    memory = Memory(limit_bytes=2000, free=lambda: 10**9, used=lambda: 801)
    with pytest.raises(ServingError), memory.reserved("m", 1, folder):
        pass


def test_this_machine_says_what_is_free_and_used():
    assert free_bytes() > 0
    assert used_bytes() > 10**6
