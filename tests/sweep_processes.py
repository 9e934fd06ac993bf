"""Controllers in processes of their own: `python -m tests.sweep_processes MODE FOLDER`.

Controllers are forked from this small program, which has imported what they need, and TensorFlow is not
among it. Trials are real processes that outlive them.

    whole   one controller runs the sweep to its end
    killed  one controller after the other, each killed with SIGKILL after its first record or launch
    races N  two controllers at a time on N new sweeps in FOLDER; prints what came of each
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from components.errors import LodestarError
from hparam.control import FolderControl
from hparam.executors.processes import ProcessExecutor
from hparam.folder import SweepFolder
from hparam.journal import Journal, read_journal
from hparam.lock import FileLock
from hparam.run import run_sweep
from hparam.trials import Sweep
from tests.sweeps import spec_of

# It notes that it began, waits for the end of the trial before it to be in the journal, and has a result.
TRIAL = """
import json, math, pathlib, sys, time
path = pathlib.Path(sys.argv[1])
folder, asked = path.parent, json.loads(path.read_text())
open(folder / "began", "a").write("x")
journal = folder.parents[1] / "journal.jsonl"
before = f'"event": "succeeded", "trial": {asked["trial"] - 1},'
end = time.monotonic() + 120
while asked["trial"] and before not in journal.read_text() and time.monotonic() < end:
    time.sleep(0.01)
rate, penalty = asked["params"]["train.learning_rate"], asked["params"]["train.embedding_l2"]
value = math.log(rate / 0.02) ** 2 + (penalty - 0.1) ** 2
(folder / "values.jsonl").write_text(json.dumps({"step": 1, "value": value}) + "\\n")
(folder / "aside").write_text(json.dumps({"step": 1, "value": value, "metrics": {"rmse": value}}))
(folder / "aside").rename(folder / "result.json")
"""
# It notes that it began, and ends when the race is decided.
RUNNER = """
import json, pathlib, sys, time
folder = pathlib.Path(sys.argv[1]).parent
open(folder / "began", "a").write("x")
end = time.monotonic() + 60
while not (folder.parents[1] / "decided").exists() and time.monotonic() < end:
    time.sleep(0.01)
(folder / "result.json").write_text(json.dumps({"step": 1, "value": 1.0, "metrics": {}}))
"""
REFUSED = 3
ENOUGH = 200


class Mortal(ProcessExecutor):
    """Kills its controller right after it has started a run, before that is in the journal."""

    def launch(self, name: str, folder: Path) -> None:
        new = not (folder / "run.lock").exists()
        super().launch(name, folder)
        if new:
            # The first trial waits for none: the next controller finds it ended, not known to have started.
            while name.endswith("-0000-0") and not (folder / "exit.json").exists():
                time.sleep(0.01)
            die()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def control(
    folder: SweepFolder, command: str, observe: Callable[[Sweep], None], mortal: bool = False
) -> None:
    kind = Mortal if mortal else ProcessExecutor
    executor = kind(folder.path, folder.name, (sys.executable, "-I", "-S", "-c", command))
    controls = [FolderControl(folder.control)]
    run_sweep(folder, executor, FileLock(folder.lock), controls, observe, sleep=lambda _: time.sleep(0.01))


def forked(work: Callable[[], None]) -> int:
    """Start `work` in a process of its own and return its number; it exits with REFUSED when it was."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work()
        code = 0
    except LodestarError as error:
        code = REFUSED if "Another controller is at work" in str(error) else 1
        if code == 1:
            print(error, file=sys.stderr)
    finally:
        os._exit(code)


def kill_after_one_record(folder: SweepFolder) -> None:
    found: list[int] = []

    def observe(sweep: Sweep) -> None:
        # The first is how it was found, the second that it was opened.
        found.append(sweep.records)
        if len(found) > 2:
            die()

    control(folder, TRIAL, observe, mortal=True)


def killed(folder: SweepFolder) -> None:
    controllers = 0
    while not read_journal(folder.journal).ended:
        _, status = os.waitpid(forked(lambda: kill_after_one_record(folder)), 0)
        controllers += 1
        if os.waitstatus_to_exitcode(status) != -signal.SIGKILL or controllers > ENOUGH:
            raise SystemExit(f"controller {controllers} ended with {status}")
    print(controllers)


def race(folder: SweepFolder) -> dict[str, object]:
    Journal.create(folder, spec_of(name=folder.name, trials=2, parallel=2), time.time)
    ready, go = os.pipe()

    def compete() -> None:
        os.close(go)
        os.read(ready, 1)
        control(folder, RUNNER, lambda sweep: None)

    for _ in range(2):
        forked(compete)
    os.close(go)
    os.close(ready)
    codes = [os.waitstatus_to_exitcode(os.wait()[1])]
    (folder.path / "decided").touch()
    codes.append(os.waitstatus_to_exitcode(os.wait()[1]))
    began = [path.read_text() for path in sorted(folder.path.glob("trials/*/began"))]
    return {"codes": codes, "began": began, "ended": read_journal(folder.journal).ended}


def main(mode: str, folder: Path, count: str = "") -> None:
    if mode == "whole":
        control(SweepFolder(folder), TRIAL, lambda sweep: None)
    elif mode == "killed":
        killed(SweepFolder(folder))
    elif mode == "races":
        print(json.dumps([race(SweepFolder(folder / f"race-{number}")) for number in range(int(count))]))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
