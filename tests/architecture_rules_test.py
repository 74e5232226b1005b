"""The rules of the architecture find what breaks them, and let through what does not."""

import pytest

from tests.architecture_test import (
    PACKAGE,
    Rule,
    banned_names_are_absent,
    broken,
    config_is_short_and_gives_its_command,
    cycles,
    imports_point_down,
    indirect_jax,
    module_has_a_docstring,
    name_says_something,
    room_init_is_a_docstring,
    signatures_have_types,
    sizes_are_small,
    source,
)

VIOLATIONS = [
    (imports_point_down, "data/a.py", "from s4al_jax.labels import store", "labels.store"),
    (imports_point_down, "data/a.py", "from s4al_jax.labels import store", "labels.store"),
    (imports_point_down, "input/a.py", "from ..acquisition import scores", "acquisition.scores"),
    (imports_point_down, "report/a.py", "def f():\n import s4al_jax.run.build", "run.build"),
    (imports_point_down, "regions/grid.py", "from s4al_jax.config import registry", "config"),
    (imports_point_down, "data/a.py", "from s4al_jax import attic", "attic, which has no rank"),
    (imports_point_down, "attic/a.py", "", "attic has no rank"),
    (banned_names_are_absent, "data/a.py", "import jax.numpy as jnp", "without JAX"),
    (banned_names_are_absent, "engine/a.py", "from jax import jit as j\n\n@j\ndef f(): 0", "jit"),
    (banned_names_are_absent, "learn/a.py", "import numpy as n\nn.random.rand()", "numpy.random"),
    (banned_names_are_absent, "models/a.py", "f = open('weights')", "no I/O"),
    (banned_names_are_absent, "run/loop.py", "import ml_collections", "plain arguments"),
    (room_init_is_a_docstring, "data/__init__.py", '"""A."""\nimport os', "docstring only"),
    (config_is_short_and_gives_its_command, "a.py", "x = 1\n" * 41, "41 lines of code"),
    (config_is_short_and_gives_its_command, "a.py", '"""Trains."""', "lacks the command"),
    (module_has_a_docstring, "learn/a.py", "x = 1", "no docstring"),
    (signatures_have_types, "learn/a.py", "def f(x, *, y: int): ...", "f: x has no type"),
    (signatures_have_types, "learn/a.py", "def f(self): ...", "returns has no type"),
    (sizes_are_small, "learn/a.py", "x = 1\n" * 401, "401 lines, at most 400"),
    (sizes_are_small, "main.py", "x = 1\n" * 61, "61 lines, at most 60"),
    (sizes_are_small, "learn/a.py", "def f():\n" + " 1\n" * 80, "f: 81 lines"),
    (name_says_something, "learn/utils.py", "", "the name utils"),
]


@pytest.mark.parametrize(("rule", "path", "text", "expected"), VIOLATIONS)
def test_a_violation_is_named(rule: Rule, path: str, text: str, expected: str) -> None:
    lines = broken(rule, [source(f"{PACKAGE}/{path}", text)])
    assert lines and expected in "".join(lines)
    assert lines[0].startswith(f"{PACKAGE}/{path}:")


def test_what_the_rules_allow_is_let_through() -> None:
    text = "from jax import random\nfrom s4al_jax.regions.grid import RegionGrid\nopen = random.key"
    allowed = source(f"{PACKAGE}/acquisition/a.py", text)
    assert broken(imports_point_down, [allowed]) == []
    assert broken(banned_names_are_absent, [allowed]) == []
    weights = source(f"{PACKAGE}/models/weights.py", "f = open('weights')")
    assert broken(banned_names_are_absent, [weights]) == []


def test_cycles_and_indirect_jax_are_found() -> None:
    names = {"data/a.py": "import s4al_jax.data.b", "data/b.py": "from s4al_jax.data import a"}
    first, second = cycles([source(f"{PACKAGE}/{path}", text) for path, text in names.items()])
    assert "s4al_jax/data/a.py:1: data.a imports itself" in first
    assert "s4al_jax/data/b.py:1: data.b imports itself" in second
    names = {"report/a.py": "from s4al_jax.learn import losses", "learn/losses.py": "import jax"}
    (line,) = indirect_jax([source(f"{PACKAGE}/{path}", text) for path, text in names.items()])
    assert line.startswith("s4al_jax/report/a.py:1: report runs without JAX")
