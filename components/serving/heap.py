"""Give memory back to the system when it is free again.

glibc keeps what large arrays leave behind: every thread has a heap of its own, and the size from which
arrays get pages of their own grows to 32 MiB with use. A server of many threads that once got large requests,
or that has swapped models, would hold hundreds of megabytes for nothing.
"""

from __future__ import annotations

import ctypes

_ARENA_MAX, _MMAP_THRESHOLD, _TRIM_THRESHOLD = -8, -3, -1
_ARENAS = 4
_LARGE_BYTES = 4 * 2**20


def keep_small() -> None:
    """Set how the C library of this process allocates; without effect where it is not glibc.

    Call it before threads are started.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    mallopt(_ARENA_MAX, _ARENAS)
    # Setting them also keeps them from growing.
    mallopt(_MMAP_THRESHOLD, _LARGE_BYTES)
    mallopt(_TRIM_THRESHOLD, _LARGE_BYTES)
