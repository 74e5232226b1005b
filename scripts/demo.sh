#!/usr/bin/env bash
# The demo: active learning on a small dataset, beside the same network trained on everything.
# Safe to run again: a run that was stopped goes on, one that is done is only read.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

scripts/install.sh
python=.venv/bin/python

# Memory in huge pages, and kept between steps: without, the kernel takes a third of the time.
export GLIBC_TUNABLES=${GLIBC_TUNABLES:-glibc.malloc.hugetlb=1:glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=17179869184:glibc.malloc.arena_max=1}

echo "1/3 Active learning, into runs/demo"
"$python" -m s4al_jax.main --config=configs/demo.py --workdir=runs/demo

echo "2/3 The same network with every label, into runs/demo_supervised"
"$python" -m s4al_jax.main --config=configs/demo.py:supervised --workdir=runs/demo_supervised

echo "3/3 The results side by side"
"$python" -m s4al_jax.report.tables runs/demo --reference=runs/demo_supervised
"$python" scripts/report.py runs/demo --reference=runs/demo_supervised
echo "The results lie in runs/demo and runs/demo_supervised; open runs/demo/report/index.html."
