"""`--config.x.y=value`: a configuration with some of its options set on the command line."""

import ast
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags
from ml_collections import ConfigDict, config_flags

from s4al_jax.config import loader
from s4al_jax.config.options import KWARGS
from s4al_jax.types import InputError

_OF_A_PART = re.compile(r"--config\.([\w.]+)\.(\w+)=(.*)", re.DOTALL)


def read_config(named: str, overrides: Sequence[str]) -> ConfigDict:
    """The configuration that `CONFIG[:STUDY]` names, with the options that flags set."""
    look_here()
    config = loader.load(named)
    _add_options_of_parts(config, overrides)
    # Flags of its own: several commands of one process do not hear of each other's.
    values = flags.FlagValues()
    arguments = ["s4al", *overrides]
    try:
        config_flags.DEFINE_config_dict("config", config, flag_values=values, sys_argv=arguments)
        left = values(arguments)
    except Exception as error:
        raise InputError(wrong_flag(error)) from error
    if len(left) > 1:
        raise InputError(f"unexpected argument {left[1]!r}: options are --config.name=value")
    return config


def _add_options_of_parts(config: ConfigDict, overrides: Sequence[str]) -> None:
    """Add options of parts that flags set and the configuration leaves at the part's default.

    Flags set what is there already, and a configuration lists few of them. Whoever builds the part
    refuses those that it does not take.
    """
    for override in overrides:
        found = _OF_A_PART.fullmatch(override)
        if found is None or found[1] not in KWARGS:
            continue
        place = config
        for step in found[1].split("."):
            place = place[step]
        if found[2] not in place:
            with config.unlocked():
                place[found[2]] = _value(found[3])


def _value(text: str) -> Any:
    """A number, True, False or a list, as Python writes them; everything else is a text."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
    value = tuple(value) if isinstance(value, list) else value
    return value if isinstance(value, (bool, int, float, tuple)) else text


def look_here() -> None:
    """Have configurations import what lies in this folder, as `python -m` does by itself."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)


def wrong_flag(error: Exception) -> str:
    """What absl and ml_collections say of a flag, in one line."""
    if isinstance(error, AttributeError | KeyError):
        cause = error.__context__ if isinstance(error.__context__, KeyError) else error
        # The text of a KeyError is quoted, and line breaks in it are written out.
        said = " ".join(str(cause.args[0]).split())
        return f"--config has no option {said}; s4al_jax/config/defaults.py lists all"
    # What a config file raises comes wrapped in its traceback; its last line says it.
    said = (str(error).strip().splitlines() or [type(error).__name__])[-1]
    return said.removeprefix("s4al_jax.types.InputError: ")
