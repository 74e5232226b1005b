#!/usr/bin/env bash
# Makes .venv and installs the package into it. Safe to run again: at once when nothing changed,
# and an installation that was cut off is finished.
#
#   scripts/install.sh        what a run needs, and weights that one can start from
#   scripts/install.sh dev    and what the tests need
#   PYTHON=python3.12 scripts/install.sh    makes .venv with this Python
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

extras=${1:-}
if [[ $# -gt 1 || ! $extras =~ ^(dev)?$ ]]; then
  echo "scripts/install.sh takes nothing, or the word dev; it was given: $*" >&2
  exit 2
fi

is_new_enough() {
  "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

chosen_python() {
  local name
  for name in "${PYTHON:-python3}" python3.11 python3.12 python3.13; do
    if is_new_enough "$name"; then
      echo "$name"
      return
    fi
  done
  echo "Python 3.11 or newer is needed, and ${PYTHON:-python3} is not:" \
    "install one, or name it with PYTHON=/path/to/python3.11 scripts/install.sh" >&2
  return 1
}

# An editable installation holds for this place and these requirements.
wanted=$({ pwd && cat pyproject.toml setup.cfg setup.py; } | cksum)
stamp=.venv/installed
python=.venv/bin/python

is_done() {
  local found
  [[ -r $stamp ]] && found=$(<"$stamp") && is_new_enough "$python" &&
    [[ $found == "$wanted dev" || $found == "$wanted $extras" ]]
}

if is_done; then
  exit 0
fi
rm -f "$stamp"

if ! is_new_enough "$python" || ! "$python" -m pip --version >/dev/null 2>&1; then
  base=$(chosen_python)
  echo "Making .venv with $("$base" --version)."
  "$base" -m venv --clear .venv
fi

# Where an installation was cut off, pip takes a package without RECORD for a whole one.
for package in .venv/lib/python3.*/site-packages/*.dist-info; do
  if [[ -d $package && ! -e $package/RECORD ]]; then
    rm -rf "$package"
  fi
done

echo "Installing s4al_jax and what it needs into .venv (a few minutes the first time)."
"$python" -m pip install --quiet --disable-pip-version-check --editable ".[${extras:-weights}]"
echo "$wanted $extras" >"$stamp"
