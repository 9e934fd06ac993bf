"""The process that proposes for a `Proposer`: python -m hparam.proposer_worker FILE_DESCRIPTOR."""

from __future__ import annotations

import math
import signal
import sys
import traceback
from multiprocessing.connection import Connection

from components.errors import LodestarError
from hparam.optimizer import propose


def serve(connection: Connection) -> None:
    """Answer requests until the other side is gone."""
    space, settings, seed, timeout = connection.recv()
    while True:
        k, finished, running = connection.recv()
        # A controller that was killed cannot end a worker that is stuck.
        signal.alarm(math.ceil(timeout) + 1)
        try:
            answer: object = propose(space, settings, seed, k, finished, running)
        except LodestarError as error:
            answer = error
        except Exception:
            # Whatever a numeric library throws, the sweep goes on with a random point.
            traceback.print_exc()
            answer = None
        signal.alarm(0)
        connection.send(answer)


if __name__ == "__main__":
    try:
        serve(Connection(int(sys.argv[1])))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        sys.exit(0)
