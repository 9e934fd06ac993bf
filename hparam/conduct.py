"""A sweep from its spec to its end, wherever this process is: on a machine, or in a pod that starts Jobs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from components.errors import InputError
from components.tfjob.template import VARIABLE as TFJOB
from hparam.control import FolderControl
from hparam.executors.manifest import VARIABLE as TRIAL_JOB
from hparam.executors.processes import ProcessExecutor
from hparam.folder import SweepFolder
from hparam.journal import Clock, Journal, read_journal
from hparam.lock import FileLock
from hparam.run import run_sweep
from hparam.snapshot import snapshot
from hparam.spec import SweepSpec
from hparam.trials import Sweep

Observe = Callable[[Sweep], None]


def conduct(folder: SweepFolder, spec: SweepSpec, observe: Observe, clock: Clock = time.time) -> Sweep:
    """Run a sweep to its end; one that has begun goes on, one that has ended is returned as it is.

    Its trials are Jobs where the environment has a template for one, else processes of this machine.

    Args:
        folder: The sweep's.
        spec: What is asked for.
        observe: Called with the sweep as it was found, and after every record.
        clock: Unix time.

    Raises:
        InputError: The sweep there was asked for something else.
        LodestarError: Another controller is at work, or no trial can be started.
    """
    begin(folder, spec, clock)
    template = os.environ.get(TRIAL_JOB)
    if template is not None:
        return _on_cluster(folder, spec.name, template, observe)
    # Not the spec's: it may have been changed since.
    parallel = read_journal(folder.journal).budget.parallel
    executor = ProcessExecutor(folder.path, spec.name, parallel=parallel)
    return run_sweep(folder, executor, FileLock(folder.lock), [FolderControl(folder.control)], observe)


def begin(folder: SweepFolder, spec: SweepSpec, clock: Clock) -> None:
    """Begin the journal of a sweep unless it has begun.

    Raises:
        InputError: The sweep there was asked for something else.
    """
    if not folder.journal.exists():
        Journal.create(folder, spec, clock)
        return
    found = read_journal(folder.journal).spec
    differ = [name for name in SweepSpec.model_fields if getattr(found, name) != getattr(spec, name)]
    if differ:
        raise InputError(
            f"There is a sweep `{spec.name}` already, with other {', '.join(differ)}.",
            source=str(folder.journal),
            cure="Choose another name, or ask for the same to go on with it.",
        )


def _on_cluster(folder: SweepFolder, name: str, template: str, observe: Observe) -> Sweep:
    # The Kubernetes client takes a second to import.
    from hparam.executors.cluster import connect, owner
    from hparam.executors.jobs import JobExecutor
    from hparam.lease import LeaseControl, LeaseLock

    objects = connect()
    belongs_to = owner(objects)
    executor = JobExecutor(objects, template, name, belongs_to, os.environ.get(TFJOB))
    lock = LeaseLock(objects, name, belongs_to)

    def publish(sweep: Sweep) -> None:
        lock.publish(lambda: snapshot(sweep))
        observe(sweep)

    return run_sweep(folder, executor, lock, [FolderControl(folder.control), LeaseControl(lock)], publish)
