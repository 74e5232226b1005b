"""The command's flags, and mistakes in them said in one line."""

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

ACCEPT_PARTIAL = flags.DEFINE_bool(
    "accept_partial", False, "Go on as soon as some of the regions asked for are answered."
)


def parsed(arguments: Sequence[str]) -> list[str]:
    """Read the flags; what is left are the arguments that are none."""
    try:
        return flags.FLAGS(list(arguments))
    except (flags.Error, InputError, AttributeError, KeyError, TypeError, OSError) as error:
        # What a config file raises comes wrapped in its traceback; its last line says it.
        said = str(error).strip().splitlines()[-1].removeprefix("s4al_jax.types.InputError: ")
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
