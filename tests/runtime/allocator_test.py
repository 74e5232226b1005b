"""What a thread frees stays with the process, unless the user has set up the allocator himself."""

import os
import subprocess
import sys

import pytest

ROUNDS = """
import resource, threading
from s4al_jax.runtime.allocator import keep_freed_memory

keep_freed_memory()

def rounds(count):
    for _ in range(count):
        blocks = [bytearray(40_000_000) for _ in range(2)]

def faults(count):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    thread = threading.Thread(target=rounds, args=(count,))
    thread.start()
    thread.join()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults(1)
print(faults(5))
"""


def faults(**environment: str) -> int:
    """Pages that the kernel had to map while a thread took and freed 80 MB five times."""
    done = subprocess.run(
        [sys.executable, "-c", ROUNDS],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), **environment},
    )
    return int(done.stdout)


@pytest.mark.skipif(not os.confstr("CS_GNU_LIBC_VERSION"), reason="not glibc")
def test_freed_memory_is_not_mapped_again() -> None:
    once = 80_000_000 // 4096
    assert faults() < 1.5 * once
    assert faults(GLIBC_TUNABLES="glibc.malloc.check=0:glibc.malloc.tcache_count=7") > 4 * once
