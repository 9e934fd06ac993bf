"""Real replicas that are killed, stopped and orphaned in the middle of an epoch."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.prepared import Prepared
from tests.replicas import Training, model_of, request_of, rmse_of, with_compute

INTERVAL = 4
STEP_TIMEOUT = 15.0
# A start takes 20 s, and longer beside other work: imports of three processes on two cores.
LONG = 200.0
MIRRORED = {"workers": 3}
SERVED = {"workers": 1, "parameter_servers": 1}


def start(prepared: Prepared, settings: Any, folder: Path, **compute: Any) -> Training:
    faster = {"checkpoint_epochs": INTERVAL, "step_timeout_seconds": STEP_TIMEOUT, **compute}
    return Training(request_of(prepared, with_compute(settings, **faster), folder / "request"))


def repeated(training: Training) -> int:
    """Return how many epochs of all series were run again."""
    return sum(
        sum(Counter(training.epochs(series)).values()) - len(set(training.epochs(series)))
        for series in ("train", "refit")
    )


@pytest.mark.parametrize("compute", [MIRRORED, SERVED], ids=["mirrored", "served"])
def test_replicas_learn_what_one_process_learns(prepared, settings, alone, tmp_path, compute):
    training = start(prepared, settings, tmp_path, **compute)
    training.finish(LONG)
    # Batches are drawn in another order, which moves the RMSE by less than 0.5 %.
    assert rmse_of(model_of(training.request), prepared) == pytest.approx(alone, rel=0.01)
    assert repeated(training) == 0
    assert '"global_batch"' in training.text
    assert '"learning_rate": 0.03' in training.text


@pytest.mark.parametrize("victim", ["worker-0", "chief-0"])
def test_a_killed_replica_costs_at_most_one_checkpoint_interval(
    prepared, settings, alone, tmp_path, victim
):
    training = start(prepared, settings, tmp_path, **MIRRORED)
    training.wait_for("epoch 10: train", LONG)
    os.kill(training.pid(victim), signal.SIGKILL)
    training.finish(LONG)
    assert f"{victim} ended with signal SIGKILL; started again" in training.text
    assert "continuing train after epoch" in training.text or "continuing refit after" in training.text
    assert repeated(training) <= INTERVAL
    assert rmse_of(model_of(training.request), prepared) == pytest.approx(alone, rel=0.01)


@pytest.mark.parametrize("victim", ["ps-0", "worker-0"])
def test_a_killed_server_or_worker_of_a_served_training_is_replaced(
    prepared, settings, alone, tmp_path, victim
):
    training = start(prepared, settings, tmp_path, **SERVED)
    training.wait_for("epoch 10: train", LONG)
    os.kill(training.pid(victim), signal.SIGKILL)
    training.finish(LONG)
    assert repeated(training) <= INTERVAL
    assert rmse_of(model_of(training.request), prepared) == pytest.approx(alone, rel=0.01)


@pytest.mark.parametrize("compute", [MIRRORED, SERVED], ids=["mirrored", "served"])
def test_a_stopped_worker_is_named_and_replaced_within_two_step_timeouts(
    prepared, settings, alone, tmp_path, compute
):
    training = start(prepared, settings, tmp_path, **compute)
    training.wait_for("epoch 10: train", LONG)
    os.kill(training.pid("worker-0"), signal.SIGSTOP)
    stopped = time.monotonic()
    training.wait_for("worker-0 ended with signal SIGKILL; started again", 2 * STEP_TIMEOUT)
    assert "worker-0 has given no sign of life" in training.text
    if compute == MIRRORED:
        training.wait_for("[chief-0] chief-0: no progress", 2 * STEP_TIMEOUT - (time.monotonic() - stopped))
    training.finish(LONG)
    assert repeated(training) <= INTERVAL
    assert rmse_of(model_of(training.request), prepared) == pytest.approx(alone, rel=0.01)
