from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from components.errors import LodestarError
from components.family import find_family
from hparam.dimension import Choice
from hparam.optimizer import propose
from hparam.parameters import Parameter
from hparam.proposer import Proposer
from hparam.space import Space, SpaceExhausted
from hparam.spec import OptimizerSettings
from pipelines.settings import load_settings
from tests.landscapes import BRANIN, drawn, told

SETTINGS = OptimizerSettings()
FINISHED, RUNNING = told(BRANIN, 10), drawn(BRANIN.space, 3, seed=1)
WAIT = "import time; time.sleep(60)"


def workers() -> list[int]:
    """Return the processes that this one has started and not yet waited for."""
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    return [int(pid) for pid in children.read_text().split()]


@pytest.fixture
def none_left() -> Iterator[list[int]]:
    """Yield the children that there are before the test; there are to be no others after it."""
    before = workers()
    yield before
    assert workers() == before


def command(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


@pytest.mark.usefixtures("none_left")
def test_worker_proposes_what_this_process_would_and_lives_for_the_next() -> None:
    with Proposer(BRANIN.space, SETTINGS, 0) as proposer:
        for k in (10, 11):
            found = proposer.propose(k, FINISHED, RUNNING)
            assert found == propose(BRANIN.space, SETTINGS, 0, k, FINISHED, RUNNING)
            assert found.strategy == "gp"


def test_space_of_a_family_reaches_the_worker_and_nothing_of_tensorflow_does(
    none_left: list[int],
) -> None:
    family = find_family("matrix-factorization")
    settings = load_settings(family).model_dump(mode="json")
    space = Space.parse(settings["search"], family, settings)
    finished = [(point, point["train.learning_rate"]) for point in drawn(space, 9)]
    with Proposer(space, SETTINGS, 0) as proposer:
        found = proposer.propose(9, finished, [])
        (worker,) = set(workers()) - set(none_left)
        assert "libtensorflow" not in Path(f"/proc/{worker}/maps").read_text()
    assert found.strategy == "gp" and space.contains(found.params)


@pytest.mark.parametrize(
    "code",
    [
        WAIT,
        "raise SystemExit(3)",
        "import os; os.kill(os.getpid(), 9)",
        "import os; os.close(int(__import__('sys').argv[1])); " + WAIT,
    ],
    ids=["stuck", "ends", "killed", "hangs up"],
)
@pytest.mark.usefixtures("none_left")
def test_worker_that_does_not_answer_costs_a_random_point(code: str) -> None:
    with Proposer(BRANIN.space, SETTINGS, 0, timeout_seconds=0.3, worker=command(code)) as proposer:
        started = time.monotonic()
        points = [proposer.propose(k, FINISHED, RUNNING) for k in (10, 11)]
        assert time.monotonic() - started < 10
    assert [(point.strategy, point.fallback) for point in points] == [("random", True)] * 2
    assert points[0].params != points[1].params
    assert all(BRANIN.space.contains(point.params) for point in points)


def test_worker_that_died_is_started_again(none_left: list[int]) -> None:
    with Proposer(BRANIN.space, SETTINGS, 0) as proposer:
        proposer.propose(10, FINISHED, RUNNING)
        (worker,) = set(workers()) - set(none_left)
        os.kill(worker, 9)
        proposer.propose(11, FINISHED, RUNNING)
        assert proposer.propose(12, FINISHED, RUNNING).strategy == "gp"


@pytest.mark.usefixtures("none_left")
def test_errors_of_the_proposal_come_through() -> None:
    with Proposer(BRANIN.space, SETTINGS, 0) as proposer:
        with pytest.raises(LodestarError, match="no finite number"):
            proposer.propose(10, [*FINISHED, (RUNNING[0], float("nan"))], [])
        assert proposer.propose(10, FINISHED, []).strategy == "gp"
    small = Space((Parameter("kind", Choice(("a", "b"))),))
    with Proposer(small, OptimizerSettings(initial=1), 0) as proposer, pytest.raises(SpaceExhausted):
        proposer.propose(2, [({"kind": "a"}, 0.0), ({"kind": "b"}, 1.0)], [])


@pytest.mark.parametrize(
    ("settings", "asked"), [(OptimizerSettings(surrogate="random"), 50), (OptimizerSettings(initial=40), 20)]
)
def test_points_that_need_no_surrogate_need_no_worker(settings: OptimizerSettings, asked: int) -> None:
    with Proposer(BRANIN.space, settings, 0, worker=command("raise SystemExit(1)")) as proposer:
        before = workers()
        found = [proposer.propose(k, FINISHED, []) for k in range(asked)]
        assert workers() == before
    assert not any(point.fallback for point in found)


def test_worker_ends_when_its_controller_is_killed() -> None:
    code = (
        "from hparam.proposer import Proposer\n"
        "from tests.unit.hparam.test_proposer import *\n"
        "with Proposer(BRANIN.space, SETTINGS, 0) as proposer:\n"
        "    proposer.propose(10, FINISHED, [])\n"
        "    print(workers()[0], flush=True)\n"
        "    time.sleep(60)\n"
    )
    controller = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert controller.stdout is not None
    worker = int(controller.stdout.readline())
    assert is_running(worker)
    controller.kill()
    controller.wait()
    controller.stdout.close()
    assert within(10, lambda: not is_running(worker))


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_importing_the_proposer_imports_no_numeric_library_but_numpy() -> None:
    code = (
        "import sys, hparam.proposer\n"
        "found = {name.split('.')[0] for name in sys.modules}\n"
        "print(sorted(found & {'skopt', 'sklearn', 'scipy', 'tensorflow', 'pandas'}))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
