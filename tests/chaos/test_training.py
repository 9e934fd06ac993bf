"""Real replicas that are killed and stopped in the middle of an epoch."""

from __future__ import annotations

import os
import re
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.prepared import Prepared
from tests.replicas import Training, model_of, request_of, rmse_of, with_compute

INTERVAL = 3
STEP_TIMEOUT = 20.0
# A start takes 15 s on a quiet machine and a minute on a busy one: three processes import TensorFlow.
LONG = 240.0
MIRRORED = {"workers": 3}
SERVED = {"workers": 1, "parameter_servers": 1}


def start(prepared: Prepared, settings: Any, folder: Path, **compute: Any) -> Training:
    faster = {"checkpoint_epochs": INTERVAL, "step_timeout_seconds": STEP_TIMEOUT, **compute}
    return Training(request_of(prepared, with_compute(settings, **faster), folder / "request"))


def repeated(training: Training) -> int:
    """Return how many epochs were run again."""
    series = (training.epochs(name) for name in ("train", "refit"))
    return sum(sum(Counter(epochs).values()) - len(set(epochs)) for epochs in series)


def kill(training: Training, replica: str) -> None:
    os.kill(training.pid(replica), signal.SIGKILL)
    training.wait_for(f"{replica} ended with signal SIGKILL; started again", 60)


# A batch is drawn otherwise than in one process, which moves the RMSE by less than 0.5 %.
def assert_as_good_as(alone: float, training: Training, prepared: Prepared) -> None:
    assert rmse_of(model_of(training.request), prepared) == pytest.approx(alone, rel=0.01)


def last_epoch(training: Training) -> int:
    training.wait_for("[chief-0] validation RMSE", LONG)
    found = re.search(r"\[chief-0\] validation RMSE .* lowest after (\d+) epochs", training.text)
    return int(found.group(1))


def test_a_worker_killed_in_training_and_a_chief_in_its_export_cost_a_checkpoint_interval_each(
    prepared, settings, alone, tmp_path
):
    training = start(prepared, settings, tmp_path, **MIRRORED)
    training.wait_for("[chief-0] epoch 8: train", LONG)
    kill(training, "worker-0")
    training.wait_for(f"[chief-0] epoch {last_epoch(training)}: refit", LONG)
    kill(training, "chief-0")
    training.finish(LONG)
    assert training.text.count("[chief-0] continuing") >= 2
    assert repeated(training) <= 2 * INTERVAL
    assert_as_good_as(alone, training, prepared)
    assert (
        '"strategy": "MultiWorkerMirroredStrategy", "replicas": 3, "batch_per_replica": 171' in training.text
    )
    assert '"learning_rate": 0.03' in training.text


def test_a_killed_worker_and_a_killed_parameter_server_cost_a_checkpoint_interval_each(
    prepared, settings, alone, tmp_path
):
    training = start(prepared, settings, tmp_path, **SERVED)
    training.wait_for("[chief-0] epoch 8: train", LONG)
    kill(training, "worker-0")
    training.wait_for("[chief-0] epoch 17: train", LONG)
    kill(training, "ps-0")
    training.finish(LONG)
    assert "[chief-0] continuing" in training.text
    assert repeated(training) <= 2 * INTERVAL
    assert_as_good_as(alone, training, prepared)


def test_a_stopped_worker_is_named_and_all_go_on_within_two_step_timeouts(
    prepared, settings, alone, tmp_path
):
    training = start(prepared, settings, tmp_path, **MIRRORED)
    training.wait_for("[chief-0] epoch 8: train", LONG)
    os.kill(training.pid("worker-0"), signal.SIGSTOP)
    stopped = time.monotonic()
    training.wait_for("worker-0 ended with signal SIGKILL; started again", 2 * STEP_TIMEOUT)
    training.wait_for("chief-0 ended with exit code 138", 2 * STEP_TIMEOUT - (time.monotonic() - stopped))
    assert "worker-0 has given no sign of life" in training.text
    training.finish(LONG)
    assert repeated(training) <= INTERVAL
    assert_as_good_as(alone, training, prepared)
