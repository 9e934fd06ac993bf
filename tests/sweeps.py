"""Sweeps for tests: a spec, a folder with a journal, and runs that do in this process what a test says."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from components.family import find_family
from components.trial import RESULT, VALUES
from hparam.control import FolderControl
from hparam.controller import Controller
from hparam.executors import Observed, Phase
from hparam.folder import SweepFolder
from hparam.journal import Journal
from hparam.lock import FileLock, Lock
from hparam.proposer import Proposer
from hparam.request import TrialRequest
from hparam.space import Space
from hparam.spec import Budget, Inputs, OptimizerSettings, SweepSpec
from hparam.trials import Sweep

FAMILY = find_family("matrix-factorization")
RATE, PENALTY = "train.learning_rate", "train.embedding_l2"
SPACE = {"train": {"learning_rate": {"log_uniform": [0.005, 0.1]}, "embedding_l2": {"uniform": [0.02, 0.3]}}}
RUNNING = Observed(Phase.RUNNING)
SUCCEEDED = Observed(Phase.SUCCEEDED)
Behaviour = Callable[[TrialRequest, Path], Observed]


@lru_cache
def base_settings() -> str:
    from pipelines.settings import load_settings

    return load_settings(FAMILY).model_dump_json()


def spec_of(**changes: Any) -> SweepSpec:
    """Return the spec of a sweep of random points; `changes` are fields of it or of its budget."""
    budget = {name: changes.pop(name) for name in list(changes) if name in Budget.model_fields}
    fields: dict[str, Any] = {
        "name": "films",
        "family": FAMILY.name,
        "metric": "rmse",
        "higher_is_better": False,
        "space": SPACE,
        "settings": json.loads(base_settings()),
        "inputs": Inputs(examples="/examples", transform_graph="/graph"),
        "optimizer": OptimizerSettings(surrogate="random"),
        "budget": Budget(**{"trials": 6, "parallel": 2, **budget}),
    }
    return SweepSpec(**{**fields, **changes})


def bowl(params: Mapping[str, Any]) -> float:
    """Return a loss with its minimum 0 at a rate of 0.02 and a penalty of 0.1."""
    return float(math.log(params[RATE] / 0.02) ** 2 + (params[PENALTY] - 0.1) ** 2)


def report(folder: Path, step: int, value: float) -> None:
    """Report a value as a trial does."""
    with (folder / VALUES).open("a") as file:
        file.write(json.dumps({"step": step, "value": value}) + "\n")


def finish(folder: Path, value: float, step: int = 1) -> Observed:
    """End a run as a trial does that has succeeded."""
    (folder / RESULT).write_text(json.dumps({"step": step, "value": value, "metrics": {"rmse": value}}))
    return SUCCEEDED


def succeed(request: TrialRequest, folder: Path) -> Observed:
    """Behave as a trial that succeeds at once."""
    return finish(folder, bowl(request.params))


@dataclass
class Runs:
    """An executor whose runs do at their launch what `behave` says, and then stand still.

    Attributes:
        behave: Called once for every run; returns how far it is then.
        seen: Every run by name; a test may change it.
        launched: Names in order, those that were adopted not again.
        stopped: Names in order.
    """

    behave: Behaviour = succeed
    seen: dict[str, Observed] = field(default_factory=dict)
    launched: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)

    def launch(self, name: str, folder: Path) -> None:
        if name not in self.seen:
            self.launched.append(name)
            self.seen[name] = self.behave(TrialRequest.read(folder / "request.json"), folder)

    def observe(self) -> dict[str, Observed]:
        return dict(self.seen)

    def stop(self, name: str) -> None:
        self.stopped.append(name)
        self.seen.pop(name, None)

    def close(self) -> None:
        pass


@dataclass
class Desk:
    """A sweep on disk, and a controller for it whenever a test wants one.

    Attributes:
        folder: The sweep's.
        runs: Where its trials run.
        now: What the clock says; it goes on by the time slept.
        turns: Idle turns until the controller is interrupted.
        seen: The sweep after every record.
        while_idle: Called whenever the controller waits.
    """

    folder: SweepFolder
    runs: Runs
    now: float = 1000.0
    turns: int = 3
    seen: list[Sweep] = field(default_factory=list)
    while_idle: Callable[[], object] = lambda: None

    @classmethod
    def of(cls, home: Path, runs: Runs | Behaviour = succeed, **changes: Any) -> Desk:
        """Return the desk of a new sweep; `changes` are as in `spec_of`."""
        spec = spec_of(**changes)
        desk = cls(SweepFolder(home / spec.name), runs if isinstance(runs, Runs) else Runs(runs))
        Journal.create(desk.folder, spec, desk.clock)
        return desk

    def clock(self) -> float:
        return self.now

    def run(self, lock: Lock | None = None) -> Sweep:
        """Run a controller to the sweep's end, or until nothing has happened for some turns."""
        with self.controller(lock) as controller:
            return controller.run()

    @contextmanager
    def controller(self, lock: Lock | None = None) -> Iterator[Controller]:
        lock = lock or FileLock(self.folder.lock)
        lock.acquire()
        idle = 0

        def sleep(seconds: float) -> None:
            nonlocal idle
            idle += 1
            self.now += seconds
            self.while_idle()

        try:
            journal = Journal.open(self.folder, self.clock)
            spec = journal.sweep.spec
            space = Space.parse(spec.space, FAMILY, spec.settings)
            with Proposer(space, spec.optimizer, spec.seed) as proposer:
                yield Controller(
                    folder=self.folder,
                    journal=journal,
                    executor=self.runs,
                    space=space,
                    proposer=proposer,
                    lock=lock,
                    controls=[FolderControl(self.folder.control)],
                    observe=self.seen.append,
                    clock=self.clock,
                    sleep=sleep,
                    interrupted=lambda: idle >= self.turns,
                    name="test",
                )
        finally:
            lock.release()

    def records(self, *events: str) -> list[dict[str, Any]]:
        """Return the records of the journal, all or those of some events."""
        lines = self.folder.journal.read_text().splitlines()
        found = [json.loads(line) for line in lines]
        return [record for record in found if not events or record["event"] in events]

    def story(self) -> list[str]:
        """Return the journal as words: event and trial."""
        return [f"{record['event']} {record.get('trial', '')}".strip() for record in self.records()]
