"""Memory that a step frees is kept for the next one.

A step on a CPU allocates and frees gigabytes. By default glibc returns them to the kernel, which
then maps and clears every page anew: a fifth of a step's time and more.
"""

import ctypes
import os
import sys

# As named in <malloc.h>.
_M_TRIM_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -4, -8


def keep_freed_memory() -> None:
    """Configure glibc's allocator to keep freed memory, unless the user has configured it.

    All threads share one arena, because glibc always trims the arenas of other threads.
    """
    if not sys.platform.startswith("linux") or "glibc.malloc" in os.environ.get(
        "GLIBC_TUNABLES", ""
    ):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, -1)
