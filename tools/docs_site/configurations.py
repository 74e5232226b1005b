"""The configurations that come with the package: what each is for, and what it changes."""

import ast
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

from s4al_jax.config import defaults, loader
from tools.docs_site.options import leaves
from tools.docs_site.parts import ROOT

VARIABLES = ("S4AL_CAMVID", "S4AL_CITYSCAPES", "S4AL_WEIGHTS", "TFDS_DATA_DIR")
"""What may name data and weights on this machine, which is no default."""


def configuration_files() -> list[Path]:
    """The files, by name."""
    return sorted((ROOT / "configs").glob("[!_]*.py"))


def read_options(path: Path) -> dict[str, Any]:
    """The options of a configuration by dotted name."""
    plain = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    with mock.patch.dict(os.environ, plain, clear=True):
        return dict(leaves(loader.load(path, "")))


def configuration_pages() -> str:
    """Markdown: a section for each configuration."""
    usual = dict(leaves(defaults.default()))
    return "\n".join(line for path in configuration_files() for line in _lines(path, usual))


def _lines(path: Path, usual: Mapping[str, Any]) -> Iterator[str]:
    docstring = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    yield from ("", f"## {path.stem}", "", docstring.partition("\n\n")[0], "")
    yield from ("| option | value | default |", "|---|---|---|")
    for name, value in read_options(path).items():
        if name not in usual:
            yield f"| `config.{name}` | `{value!r}` | |"
        elif value != usual[name]:
            yield f"| `config.{name}` | `{value!r}` | `{usual[name]!r}` |"
