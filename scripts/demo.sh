#!/usr/bin/env bash
# The demo: active learning on a small dataset, beside the same network trained on everything.
# Safe to run again: a run that was stopped goes on, one that is done is only read.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

scripts/install.sh

# Memory in huge pages, and kept between steps: without, the kernel takes a third of the time.
export GLIBC_TUNABLES=${GLIBC_TUNABLES:-glibc.malloc.hugetlb=1:glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=17179869184:glibc.malloc.arena_max=1}

exec .venv/bin/s4al demo
