#!/usr/bin/env bash
# Builds the documentation into docs/_build/html, with warnings as errors, after checking that links
# lead somewhere and that every option, command and file in the text exists.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

scripts/install.sh dev
python=.venv/bin/python

"$python" -m tools.docs_site.check
"$python" -m sphinx --quiet --fail-on-warning --keep-going --jobs=2 \
  -d docs/_build/doctrees docs docs/_build/html
echo "The documentation is built: open docs/_build/html/index.html."
