import os
import signal
import threading

import pytest

from components.distributed.request import Request
from components.errors import InputError, LodestarError
from components.family import ComputeSettings
from components.tfjob.follow import State, follow


class Script:
    """A launcher whose states are written down."""

    names = ["chief-0", "worker-0"]
    period = 0.0

    def __init__(self, *states: State) -> None:
        self._states = list(states)
        self.stopped = False

    def start(self) -> None:
        pass

    def poll(self) -> State:
        return self._states.pop(0)

    def stop(self) -> None:
        self.stopped = True


@pytest.fixture
def request_(tmp_path) -> Request:
    return Request(str(tmp_path), ComputeSettings(workers=2, max_restarts=3), "run_fn", {})


def run(launcher: Script, request: Request, backups: list[str] | None = None) -> list[str]:
    said: list[str] = []
    names = iter(backups or [])
    follow(launcher, request, lambda: next(names, "last"), said.append)
    return said


def test_it_ends_when_the_chief_is_done_and_leaves_nothing_running(request_):
    launcher = Script(State(), State(), State(done=True))
    run(launcher, request_)
    assert launcher.stopped


def test_what_it_waits_for_is_said_once(request_):
    waiting = State(waiting="waiting for quota: 2 of 2 missing")
    said = run(Script(State(), waiting, waiting, State(), State(done=True)), request_)
    assert said == ["waiting for quota: 2 of 2 missing", "running"]


def test_the_reason_of_the_replica_is_raised(request_):
    request_.write_failure("worker-0", InputError("The train split has no ratings."), 2)
    launcher = Script(State(failed="worker-0 ended with exit code 2"))
    with pytest.raises(InputError, match="The train split has no ratings"):
        run(launcher, request_)
    assert launcher.stopped


def test_a_replica_that_said_nothing_is_told_by_its_exit_code(request_):
    with pytest.raises(LodestarError, match=r"Training failed: chief-0 ended with exit code 1\."):
        run(Script(State(failed="chief-0 ended with exit code 1")), request_)


def test_restarts_without_a_new_checkpoint_come_to_an_end(request_):
    launcher = Script(*(State(restarts=number) for number in range(5)))
    with pytest.raises(LodestarError, match="started again 4 times without a new checkpoint"):
        run(launcher, request_)
    assert launcher.stopped


def test_restarts_with_progress_in_between_do_not(request_):
    states = [State(restarts=number) for number in range(30)]
    # The name is asked for once at the start and then twice for each look that finds another one.
    run(Script(*states, State(done=True)), request_, [str(number) for number in range(100)])


def test_sigterm_stops_the_replicas(request_):
    launcher = Script(*[State()] * 1000)
    launcher.period = 0.05
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM)).start()
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as ended:
        run(launcher, request_)
    assert ended.value.code == 143
    assert launcher.stopped
    assert signal.getsignal(signal.SIGTERM) is before
