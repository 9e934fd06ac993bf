"""Exit codes of a replica: below 128 the training has failed, from 128 on the replica is started again.

The training operator's restart policy `ExitCode` draws this line, and so do local processes.
"""

from __future__ import annotations

from components.errors import LodestarError

FAILED = 1
RETRYABLE = 128
LOST_PEER = 138  # What the training operator leaves to users for "try again".
TERMINATED = 143


def exit_code(error: BaseException) -> int:
    """Return the exit code of a replica that `error` ends.

    A lost peer shows as one of TensorFlow's errors about communication, in one or the other replica.
    """
    if isinstance(error, LodestarError):
        return error.exit_code
    if isinstance(error, ConnectionError | TimeoutError) or _about_peers(error):
        return LOST_PEER
    return FAILED


def restarts(code: int) -> bool:
    """Return whether a replica that ended with `code` is to be started again.

    Args:
        code: An exit code, or minus the number of the signal that killed the process.
    """
    return code < 0 or code >= RETRYABLE


def _about_peers(error: BaseException) -> bool:
    # Imported here: the launchers must not wait for TensorFlow.
    import tensorflow as tf

    kinds = tf.errors
    return isinstance(
        error,
        kinds.UnavailableError
        | kinds.AbortedError
        | kinds.InternalError
        | kinds.CancelledError
        | kinds.DeadlineExceededError,
    )
