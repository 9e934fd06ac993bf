"""`python -m components.distributed.alive FOLDER ROLE SECONDS`: the liveness probe of a replica's pod.

A process that is stopped or stuck gives no more signs of life, and cannot end itself; the kubelet ends it.
"""

from __future__ import annotations

import socket
import sys
import time
from pathlib import Path

from components.distributed.heartbeat import age

_MAIN_PROCESS = Path("/proc/1")


def main() -> int:
    """Return 0 while the last sign of life is younger than that, or the container has given none yet."""
    folder, role, seconds = sys.argv[1:4]
    # The pod of the job's second worker is called `...-worker-1`.
    index = socket.gethostname().rpartition("-")[2]
    silence = age(Path(folder, f"{role}-{index}"))
    if silence is None:
        return 0
    # An older sign is of the pod that was here before.
    lived = time.time() - _MAIN_PROCESS.stat().st_mtime
    return int(float(seconds) < silence < lived)


if __name__ == "__main__":
    sys.exit(main())
