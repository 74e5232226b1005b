"""The command's flags, and mistakes in them said in one line."""

import sys
from collections.abc import Sequence
from pathlib import Path

from absl import flags
from ml_collections import ConfigDict, config_flags

from s4al_jax.types import InputError

_CONFIG = config_flags.DEFINE_config_file(
    "config", None, "A file of configs/, perhaps with :study."
)
WORKDIR = flags.DEFINE_string("workdir", None, "The run's directory; an existing run goes on.")
PLAN = flags.DEFINE_bool("plan", False, "Print what would happen, and stop.")
PROFILE = flags.DEFINE_string(
    "profile", None, "A folder for a trace of some steps; print what they spend time on, and stop."
)
PROFILE_STEPS = flags.DEFINE_integer("profile_steps", 10, "How many steps.", lower_bound=1)

ACCEPT_PARTIAL = flags.DEFINE_bool(
    "accept_partial", False, "Go on as soon as some of the regions asked for are answered."
)


def parsed(arguments: Sequence[str]) -> list[str]:
    """Read the flags; what is left are the arguments that are none."""
    # A configuration may be a diff on another one; `python -m` would look there by itself.
    sys.path.append(str(Path.cwd()))
    try:
        return flags.FLAGS(list(arguments))
    except (AttributeError, KeyError) as error:
        cause = error.__context__ if isinstance(error.__context__, KeyError) else error
        # The text of a KeyError is quoted, and line breaks in it are written out.
        said = " ".join(str(cause.args[0]).split())
        raise SystemExit(
            f"error: --config has no knob {said}; s4al_jax/config.py lists all"
        ) from error
    except Exception as error:  # a config file may raise anything
        # What it raises comes wrapped in its traceback; its last line says it.
        said = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        said = said.removeprefix("s4al_jax.types.InputError: ")
        raise SystemExit(f"error: {said}") from error


def config() -> ConfigDict:
    """The configuration that `--config` names, with its knobs as the flags set them."""
    if _CONFIG.value is None:
        raise InputError("--config is missing: name a file of configs/")
    named = config_flags.get_config_filename(flags.FLAGS["config"]) or ""
    path = Path(named.partition(":")[0])  # what stands after the colon is the study
    if not path.is_file():
        raise InputError(f"--config={path}: no such file; configs/ has some")
    return _CONFIG.value
