"""`python -m components.distributed.alive FILE SECONDS`: the liveness probe of a replica's pod.

A process that is stopped or stuck touches its file no more, and cannot end itself; the kubelet ends it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from components.distributed.heartbeat import age


def main() -> int:
    """Return 0 while the file is younger than that, or not there yet."""
    last = age(Path(sys.argv[1]))
    return int(last is not None and last > float(sys.argv[2]))


if __name__ == "__main__":
    sys.exit(main())
