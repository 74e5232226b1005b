"""The command: `python -m s4al_jax.main --config=configs/demo.py --workdir=runs/demo`."""

import sys
from collections.abc import Sequence
from pathlib import Path

from absl import app, flags, logging
from ml_collections import ConfigDict, config_flags

from s4al_jax import experiment, forecast, loop
from s4al_jax.types import AnnotationsPending, InputError

_CONFIG = config_flags.DEFINE_config_file(
    "config", None, "A file of configs/, perhaps with :study."
)
_WORKDIR = flags.DEFINE_string("workdir", None, "The run's directory; an existing run goes on.")
_PLAN = flags.DEFINE_bool("plan", False, "Print what would happen, and stop.")


def main(arguments: Sequence[str]) -> None:
    """Build the experiment and drain the loop."""
    if len(arguments) > 1:
        raise InputError(f"unexpected argument {arguments[1]!r}: knobs are --config.name=value")
    logging.set_verbosity(logging.WARNING)  # the libraries' own news is not the user's
    if not _WORKDIR.value and not _PLAN.value:
        raise InputError("--workdir is missing: name the directory of the run")
    built = experiment.build(_config())
    if _PLAN.value:
        print(forecast.forecast(built))
        return
    for result in loop.cycles(built, Path(_WORKDIR.value)):
        print(loop.summary(result), flush=True)
    print(f"The run is finished; its results lie in {_WORKDIR.value}.")


def _config() -> ConfigDict:
    if _CONFIG.value is None:
        raise InputError("--config is missing: name a file of configs/")
    path = Path(config_flags.get_config_filename(flags.FLAGS["config"]))
    if not path.is_file():
        raise InputError(f"--config={path}: no such file; configs/ has some")
    return _CONFIG.value


def _flags(arguments: Sequence[str]) -> list[str]:
    try:
        return flags.FLAGS(list(arguments))
    except (flags.Error, InputError, AttributeError, KeyError, TypeError, OSError) as error:
        raise SystemExit(f"error: {_line(error)}") from error


def _line(error: BaseException) -> str:
    """What went wrong, in one line; a configuration's own error comes wrapped in a traceback."""
    root = error
    while cause := root.__cause__ or root.__context__:
        root = cause
    if isinstance(root, InputError):
        return str(root)
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines if len(lines) < 3 else [lines[0], lines[-1]])


def run() -> None:
    """The command, with what is the user's to mend said in one line."""
    try:
        app.run(main, flags_parser=_flags)
    except InputError as error:
        sys.exit(f"error: {error}")
    except AnnotationsPending as pending:
        print(pending)


if __name__ == "__main__":
    run()
