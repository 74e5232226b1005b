#!/usr/bin/env bash
# Everything that has to pass: format, lint, types, the wheel, the tests.
# Arguments go to pytest, as in: scripts/test.sh tests/labels -k oracle
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

scripts/install.sh dev
python=.venv/bin/python
export JAX_PLATFORMS=${JAX_PLATFORMS:-cpu}

"$python" -m ruff format --check .
"$python" -m ruff check .
"$python" -m mypy

# The wheel is built from a copy: what an earlier build left in build/ would get into it.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/source"
cp -R pyproject.toml setup.cfg setup.py README.md LICENSE s4al_jax configs "$scratch/source"
"$python" -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation \
  --wheel-dir "$scratch" "$scratch/source"
"$python" - "$scratch" <<'PYTHON'
import pathlib
import sys
import zipfile

(wheel,) = pathlib.Path(sys.argv[1]).glob("s4al_jax-*.whl")
inside = set(zipfile.ZipFile(wheel).namelist())
wanted = {
    path.as_posix()
    for path in pathlib.Path("s4al_jax").rglob("*")
    if path.is_file() and "__pycache__" not in path.parts
}
wanted |= {f"s4al_jax/{path.as_posix()}" for path in pathlib.Path("configs").glob("*.py")}
if missing := sorted(wanted - inside):
    sys.exit(f"{wheel.name} lacks {', '.join(missing)}: see setup.py and setup.cfg")
print(f"{wheel.name} holds the {len(wanted)} files of the package and its configurations")
PYTHON

# Two at a time: most of the time goes into compiling, which takes one core. Files come in the
# order of tests/conftest.py, the longest first.
"$python" -m pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder "$@"
