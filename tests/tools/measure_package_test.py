"""What `tools/measure_package.py` counts, on a package of three files."""

from pathlib import Path

import pytest

from tools import measure_package

FILES = {
    "s4al_jax/__init__.py": '"""Docstring."""\n',
    "s4al_jax/types.py": '"""Docstring\nof two lines."""\n\nX = 1  # why\n',
    "s4al_jax/top/low.py": (
        '"""Docstring."""\n'
        "from s4al_jax.types import X\n"
        "\n"
        "# alone\n"
        "def outer():\n"
        "    def inner():\n"
        "        return X\n"
        "    return inner\n"
    ),
    "tests/architecture_test.py": 'RANKS: tuple = (("types",), ("top",), ("absent",))\n',
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_a_checkout_is_measured(checkout: Path) -> None:
    assert measure_package.measure(checkout) == {
        "files": "3",
        "lines": "13",
        "longest file": "8",
        "rooms (folders)": "1",
        "modules beside them": "1",
        "floors": "2",
        "ranks": "2",
        "functions": "2",
        "lines of a function: median": "3",
        "lines of a function: nine in ten have at most": "4",
        "lines of a function: longest": "4",
        "lines of code for each line with a comment": "3",
        "lines of docstrings": "31 %",
    }


def test_a_checkout_without_ranks_has_none(checkout: Path) -> None:
    (checkout / "tests/architecture_test.py").write_text("")
    assert measure_package.measure(checkout)["ranks"] == "-"


def test_rooms_that_import_each_other_are_met_once() -> None:
    assert measure_package.longest_chain({"a": {"b"}, "b": {"a", "c"}, "c": set()}) == 3


def test_the_table_has_a_column_for_each_checkout() -> None:
    shown = measure_package.table({"0.1": {"files": "3"}, "0.2": {"files": "4"}})
    assert shown == "|  | 0.1 | 0.2 |\n| --- | ---: | ---: |\n| files | 3 | 4 |"
