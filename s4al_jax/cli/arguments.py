"""The command's flags, and mistakes in them said in one line."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags
from ml_collections import ConfigDict, config_flags

from s4al_jax.files import paths
from s4al_jax.types import InputError

_CONFIG = config_flags.DEFINE_config_file(
    "config", None, "A file of configs/, perhaps with :study."
)
WORKDIR = flags.DEFINE_string("workdir", None, "The run's directory; an existing run goes on.")
flags.register_validator(
    "workdir",
    lambda workdir: not paths.is_url(workdir or ""),
    message="a run's directory has to be on a disk: what was paid for is locked and synced there, "
    "which a bucket cannot do; copy the finished run",
)
PLAN = flags.DEFINE_bool("plan", False, "Print what would happen, and stop.")
PROFILE = flags.DEFINE_string(
    "profile", None, "A folder for a trace of some steps; print what they spend time on, and stop."
)
PROFILE_STEPS = flags.DEFINE_integer("profile_steps", 10, "How many steps.", lower_bound=1)

_ACCEPT_PARTIAL = flags.DEFINE_bool(
    "accept_partial", False, "Go on as soon as some of the regions asked for are answered."
)
_RESUME_FROM = flags.DEFINE_enum(
    "resume_from",
    None,
    ["last_good"],
    "Leave out the step or question whose numbers broke, and go on from the state before it.",
)
_DISTRIBUTED = flags.DEFINE_bool(
    "distributed", False, "One of several processes; the cluster (TPU pod, SLURM) says which."
)
_COORDINATOR = flags.DEFINE_string(
    "coordinator", None, "One of several processes, by hand: host:port where process 0 listens."
)
_NUM_PROCESSES = flags.DEFINE_integer("num_processes", None, "How many processes, with that.")
_PROCESS_ID = flags.DEFINE_integer("process_id", None, "Which of them this one is, from 0.")


def conditions() -> dict[str, bool]:
    """On what a run goes on where it stopped: the keywords of `loop.run_cycles`."""
    return {
        "accept_partial": _ACCEPT_PARTIAL.value,
        "resume_from_last_good": _RESUME_FROM.value == "last_good",
    }


def company() -> dict[str, Any] | None:
    """What `jax.distributed.initialize` takes to find the other processes; None: there are none."""
    coordinator, count = _COORDINATOR.value, _NUM_PROCESSES.value
    process = _PROCESS_ID.value
    by_hand = {"--coordinator": coordinator, "--num_processes": count, "--process_id": process}
    given = [flag for flag, value in by_hand.items() if value is not None]
    alone = "--plan" if PLAN.value else "--profile" if PROFILE.value else ""
    if alone and (given or _DISTRIBUTED.value):
        raise InputError(f"{alone} looks at a single process: leave out what names other processes")
    if not given:
        return {} if _DISTRIBUTED.value else None
    if _DISTRIBUTED.value:
        raise InputError(f"--distributed asks the cluster, {given[0]} does not: give one of them")
    if coordinator is None or count is None or process is None:
        missing = [flag for flag, value in by_hand.items() if value is None]
        raise InputError(f"{given[0]} is given without {' and '.join(missing)}: give all three")
    _check_places(coordinator, count, process)
    return {"coordinator_address": coordinator, "num_processes": count, "process_id": process}


def _check_places(coordinator: str, count: int, process: int) -> None:
    host, _, port = coordinator.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise InputError(f"--coordinator={coordinator}: give host:port, as in 10.0.0.1:1234")
    if count < 1:
        raise InputError(f"--num_processes={count}: give 1 or more")
    if not 0 <= process < count:
        raise InputError(f"--process_id={process}: give 0 to {count - 1}, another to each process")


def parsed(arguments: Sequence[str]) -> list[str]:
    """Read the flags; what is left are the arguments that are none."""
    # A configuration may be a diff on another one; `python -m` would look there by itself.
    sys.path.append(str(Path.cwd()))
    try:
        left = flags.FLAGS(list(arguments))
    except (AttributeError, KeyError) as error:
        cause = error.__context__ if isinstance(error.__context__, KeyError) else error
        # The text of a KeyError is quoted, and line breaks in it are written out.
        said = " ".join(str(cause.args[0]).split())
        raise SystemExit(
            f"error: --config has no option {said}; s4al_jax/config/defaults.py lists all"
        ) from error
    except Exception as error:  # a config file may raise anything
        # What it raises comes wrapped in its traceback; its last line says it.
        said = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        said = said.removeprefix("s4al_jax.types.InputError: ")
        raise SystemExit(f"error: {said}") from error
    if len(left) > 1:
        raise SystemExit(f"error: unexpected argument {left[1]!r}: options are --config.name=value")
    return left


def config() -> ConfigDict:
    """The configuration that `--config` names, with its options as the flags set them."""
    if _CONFIG.value is None:
        raise InputError("--config is missing: name a file of configs/")
    named = config_flags.get_config_filename(flags.FLAGS["config"]) or ""
    path = Path(named.partition(":")[0])  # what stands after the colon is the study
    if not path.is_file():
        raise InputError(f"--config={path}: no such file; configs/ has some")
    return _CONFIG.value
