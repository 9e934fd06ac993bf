import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from components.distributed import alive, heartbeat
from components.distributed.watchdog import Watchdog

HANGING = """
import sys, time
from pathlib import Path
from components.distributed.watchdog import Watchdog
dog = Watchdog("worker-0", ["worker-0", "worker-1"], Path(sys.argv[1]), 60.0, float(sys.argv[2]))
dog.start()
dog.progress("epoch 3, step 128 of 176")
print("hanging", flush=True)
time.sleep(60)
"""
PARENT = """
import subprocess, sys, time
command = [sys.executable, "-c", *sys.argv[1:], "1000"]
child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(60)
"""


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ended() -> list[int]:
    return []


@pytest.fixture
def watchdog(tmp_path, clock, ended) -> Watchdog:
    return Watchdog("chief-0", ["chief-0", "worker-0"], tmp_path, 50.0, 10.0, clock, ended.append)


def test_until_the_first_step_the_longer_time_is_allowed(watchdog, clock, ended):
    clock.now += 49
    watchdog.check()
    assert ended == []
    clock.now += 2
    watchdog.check()
    assert ended == [138]


def test_progress_starts_the_time_again(watchdog, clock, ended):
    for _ in range(5):
        clock.now += 9
        watchdog.progress("a step")
        watchdog.check()
    assert ended == []
    clock.now += 11
    watchdog.check()
    assert ended == [138]


def test_the_message_names_the_last_progress_and_who_is_silent(watchdog, clock, ended, tmp_path, capsys):
    watchdog.progress("epoch 2, step 7 of 9")
    heartbeat.touch(tmp_path / "worker-0")
    os.utime(tmp_path / "worker-0", (time.time() - 99, time.time() - 99))
    clock.now += 11
    watchdog.check()
    said = capsys.readouterr().err
    assert "chief-0: no progress for 11 s, the last was: epoch 2, step 7 of 9. Silent: worker-0." in said


def test_a_replica_that_never_came_is_named(watchdog, clock, ended, capsys):
    clock.now += 51
    watchdog.check()
    assert "the last was: starting. Never started: worker-0." in capsys.readouterr().err


def hang(folder: Path, timeout: float) -> subprocess.Popen:
    command = [sys.executable, "-c", HANGING, str(folder), str(timeout)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "hanging\n"
    return process


def test_a_process_that_hangs_is_ended_although_its_main_thread_does_nothing(tmp_path):
    process = hang(tmp_path, 1.0)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 138
    assert "epoch 3, step 128 of 176" in said


def test_sigterm_ends_a_process_that_hangs_at_once(tmp_path):
    process = hang(tmp_path, 1000.0)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=5) == 143


def test_a_process_whose_parent_was_killed_ends(tmp_path):
    parent = subprocess.Popen([sys.executable, "-c", PARENT, HANGING, str(tmp_path)], stdout=subprocess.PIPE)
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 15
    while running(pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_stopped_process_gives_no_sign_of_life(tmp_path):
    process = hang(tmp_path, 1000.0)
    try:
        process.send_signal(signal.SIGSTOP)
        assert heartbeat.silent(tmp_path, ["worker-0"], 60.0) == []
        # The thread touches the file every second; two without one are a stopped process.
        deadline = time.monotonic() + 10
        while not heartbeat.silent(tmp_path, ["worker-0"], 2.0):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("age", "lived", "code"),
    [(None, 100, 0), (5, 100, 0), (40, 100, 1), (40, 20, 0)],
    ids=["no sign yet", "recent", "silent", "sign of the pod before"],
)
def test_the_probe_fails_only_when_this_container_has_been_silent(tmp_path, monkeypatch, age, lived, code):
    monkeypatch.setattr(alive.socket, "gethostname", lambda: "job-3f2a-worker-1")
    monkeypatch.setattr(sys, "argv", ["alive", str(tmp_path), "worker", "30"])
    main_process = tmp_path / "1"
    main_process.touch()
    os.utime(main_process, (time.time() - lived, time.time() - lived))
    monkeypatch.setattr(alive, "_MAIN_PROCESS", main_process)
    if age is not None:
        sign = tmp_path / "worker-1"
        sign.touch()
        os.utime(sign, (time.time() - age, time.time() - age))
    assert alive.main() == code
