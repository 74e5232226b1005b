"""How Sphinx builds the documentation; `scripts/docs.sh` runs it."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from s4al_jax import __version__  # noqa: E402

project = "s4al_jax"
version = release = __version__
language = "en"
extensions = ["myst_parser", "tools.docs_site.extension"]
exclude_patterns = ["_build"]
nitpicky = True
myst_heading_anchors = 4

html_theme = "sphinx_book_theme"
html_title = "s4al_jax"
html_theme_options = {"show_toc_level": 2}
html_show_copyright = False
html_show_sourcelink = False
