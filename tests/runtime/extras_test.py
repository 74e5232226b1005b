"""A package that is missing is named in one line, with the command that installs it."""

import sys
from collections.abc import Iterator

import pytest

from s4al_jax.runtime import extras
from s4al_jax.types import InputError


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """What is installed is looked up anew, in these tests and in those after them."""
    extras.is_installed.cache_clear()
    yield
    extras.is_installed.cache_clear()


def test_what_is_there_is_not_asked_for() -> None:
    assert extras.is_installed("json") and not extras.is_installed("no_such_package_of_anybody")
    extras.require("json", extra="plots", what="a sheet")


def test_what_is_missing_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(InputError) as caught:
        extras.require("matplotlib", extra="plots", what="--sheet")
    assert str(caught.value) == "--sheet needs matplotlib: pip install 's4al_jax[plots]'"
