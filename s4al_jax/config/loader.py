"""Configurations by name or path: `camvid`, `camvid:random`, `./my_config.py`.

A configuration is a Python file with a function `get_config(study=None)`. Those that come with the
package lie in `configs/`, beside the package in a checkout and inside it in a wheel.
"""

import runpy
from pathlib import Path

from ml_collections import ConfigDict

from s4al_jax.config.names import names, package_configs
from s4al_jax.types import InputError


def find(named: str) -> tuple[Path, str]:
    """The file that `CONFIG[:STUDY]` names, and the study.

    CONFIG is the path of a file, or a name: of a file in `./configs`, else of one that comes with
    the package.
    """
    parts = named.split(":")
    # A path may have colons of its own: the longest one that exists counts.
    for count in range(len(parts), 0, -1):
        config, study = ":".join(parts[:count]), ":".join(parts[count:])
        file = f"{config}.py"
        for path in (Path(config), Path("configs", file), package_configs() / file):
            if path.suffix == ".py" and path.is_file():
                return path, study
    raise InputError(
        f"{named}: no such configuration or file: give {', '.join(names())}, or the path of a "
        "Python file"
    )


def load(named: str | Path, study: str = "") -> ConfigDict:
    """The configuration that `CONFIG[:STUDY]` names; the study may be given on its own as well."""
    path, own = find(str(named))
    argument = study or own
    try:
        get_config = runpy.run_path(str(path))["get_config"]
        return get_config(argument) if argument else get_config()
    except InputError:
        raise
    except Exception as error:  # a file may raise anything
        said = " ".join(str(error).split())
        raise InputError(f"{path} is no configuration: {type(error).__name__}: {said}") from error
