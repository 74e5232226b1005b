"""`--config.x.y=value`: a configuration with some of its options set on the command line."""

import sys
from collections.abc import Sequence
from pathlib import Path

from absl import flags
from ml_collections import ConfigDict, config_flags

from s4al_jax.config import loader
from s4al_jax.types import InputError


def read_config(named: str, overrides: Sequence[str]) -> ConfigDict:
    """The configuration that `CONFIG[:STUDY]` names, with the options that flags set."""
    look_here()
    config = loader.load(named)
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
