"""Packages that not every user needs: the extras of setup.cfg, imported where they are used."""

import functools
import importlib

from s4al_jax.types import InputError


@functools.cache
def is_installed(module: str) -> bool:
    """Whether a package can be imported."""
    try:
        importlib.import_module(module)
    except ImportError:
        return False
    return True


def require(module: str, *, extra: str, what: str) -> None:
    """Refuse what cannot be done without a package.

    Args:
      module: what is imported of the package.
      extra: the name of the extra that installs it.
      what: needs the package.
    """
    if not is_installed(module):
        raise InputError(f"{what} needs {module}: pip install 's4al_jax[{extra}]'")
