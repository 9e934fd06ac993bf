"""`python -m hparam.trial FOLDER/request.json`: one run of a trial.

Ends with 0 when `result.json` is in the folder, with 2 when the settings or the data are wrong and with 1 for
any other error; `failure.json` then says why.
"""

from __future__ import annotations

import importlib
import logging
import os
import shutil
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

from components.distributed.request import Request
from components.errors import InputError, LodestarError
from components.home import is_uri
from components.trial import BOARD, RESULT, VALUES
from hparam.outcome import FAILURE, Failure
from hparam.request import TrialRequest
from hparam.spec import Inputs
from hparam.training import arguments, compute_of, distributed_request, run_fn_path

# As a program this module is called `__main__`.
_LOG = logging.getLogger("hparam.trial")


def main() -> int:
    """Run the trial that the command line names; return the exit code."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # A trial's last lines are shown where it fails; what libraries say of themselves would be among them.
    warnings.simplefilter("ignore")
    logging.basicConfig(level=logging.WARNING, stream=sys.stdout, format="%(message)s", force=True)
    for package in ("components", "hparam"):
        logging.getLogger(package).setLevel(logging.INFO)
    path = Path(sys.argv[1]).absolute()
    try:
        request = TrialRequest.read(path)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return run(request, path.parent)


def run(request: TrialRequest, folder: Path, clock: Callable[[], float] = time.monotonic) -> int:
    """Train and report into `folder`; return the exit code.

    What an earlier run of the same request has left there is removed first.

    Args:
        request: What to train.
        folder: The run's folder.
        clock: Seconds, never going back.
    """
    for name in (VALUES, RESULT, FAILURE):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / BOARD, ignore_errors=True)
    begun = clock()
    try:
        if compute_of(request).distributed:
            _train_in_replicas(distributed_request(request, folder))
        else:
            _train_here(request, folder, clock)
    except Exception as error:
        return _give_up(folder, error)
    _LOG.info("the trial took %.2f s", clock() - begun)
    return 0


def _train_here(request: TrialRequest, folder: Path, clock: Callable[[], float]) -> None:
    begun = clock()
    _reach(request.inputs)
    module, _, function = run_fn_path(request).rpartition(".")
    run_fn = getattr(importlib.import_module(module), function)
    _LOG.info("imports took %.2f s", clock() - begun)
    # As the replicas of a distributed training do, it gets the fields of FnArgs without TFX, which takes
    # seconds to import.
    run_fn(SimpleNamespace(**arguments(request, folder)))


def _reach(inputs: Inputs) -> None:
    from components.object_store import connect

    for uri in (inputs.examples, inputs.transform_graph):
        connect(uri)
        if not is_uri(uri) and not Path(uri).is_dir():
            raise InputError(
                f"There is no folder `{uri}`.",
                cure="Trials need the storage of the pipeline whose data they train on, at the same path.",
            )


def _train_in_replicas(request: Request) -> None:
    from components.distributed.backup import newest
    from components.tfjob.follow import follow
    from components.tfjob.processes import LocalProcesses

    shutil.rmtree(request.folder, ignore_errors=True)
    request.write()
    follow(LocalProcesses(request, _say), request, lambda: newest(request.backup), _say)
    shutil.rmtree(request.folder)


def _give_up(folder: Path, error: Exception) -> int:
    failure = Failure.of(error)
    failure.write(folder)
    if not isinstance(error, LodestarError):
        traceback.print_exc()
    print(f"error: {error}", file=sys.stderr)
    return InputError.exit_code if failure.reason == "input" else LodestarError.exit_code


def _say(line: str) -> None:
    # In one piece: the replicas' threads print at the same time.
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    ended = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # TensorFlow takes most of a second to leave, and all that a trial has to say is on disk.
    os._exit(ended)
