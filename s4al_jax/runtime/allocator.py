"""Memory that a step frees is kept for the next one.

A step on a CPU takes and frees gigabytes. By itself glibc gives them back to the kernel, which
then maps and clears every page anew: a fifth of a step's time and more.
"""

import ctypes
import os
import sys

# The names that <malloc.h> has for them.
_M_TRIM_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -4, -8


def keep_freed_memory() -> None:
    """Ask the allocator for that, where it is glibc's and the user has not set it up already.

    One arena for all threads: those of threads other than the main one are always given back.
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
