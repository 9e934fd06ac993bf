import pytest
import tensorflow as tf

from components.distributed.exits import exit_code, restarts
from components.errors import InputError, LodestarError


@pytest.mark.parametrize(
    "error",
    [
        tf.errors.UnavailableError(None, None, "Connection reset by peer"),
        tf.errors.AbortedError(None, None, "worker has restarted"),
        tf.errors.InternalError(None, None, "collective"),
        tf.errors.CancelledError(None, None, "cancelled"),
        tf.errors.DeadlineExceededError(None, None, "barrier"),
        ConnectionResetError("peer"),
        TimeoutError("peer"),
    ],
)
def test_a_lost_peer_is_worth_another_try(error):
    assert exit_code(error) == 138
    assert restarts(exit_code(error))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("The train split is empty."), 2),
        (LodestarError("Training diverged."), 1),
        (ValueError("a bug"), 1),
        (tf.errors.InvalidArgumentError(None, None, "shape"), 1),
        (tf.errors.ResourceExhaustedError(None, None, "memory"), 1),
    ],
)
def test_an_error_that_would_come_again_is_not(error, code):
    assert exit_code(error) == code
    assert not restarts(code)


@pytest.mark.parametrize(("code", "again"), [(0, False), (127, False), (128, True), (137, True), (-9, True)])
def test_signals_and_codes_from_128_on_mean_another_try(code, again):
    assert restarts(code) is again
