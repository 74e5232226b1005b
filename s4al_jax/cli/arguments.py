"""The flags of `python -m s4al_jax.main`, and mistakes in them said in one line."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags
from ml_collections import ConfigDict, config_flags

from s4al_jax.cli.overrides import look_here, wrong_flag
from s4al_jax.cli.train import other_processes
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
    """On what a run goes on where it stopped: keywords of `train.train`."""
    return {
        "accept_partial": _ACCEPT_PARTIAL.value,
        "resume_from_last_good": _RESUME_FROM.value == "last_good",
    }


def together() -> dict[str, Any] | None:
    """The other processes of the run, see `train.other_processes`."""
    named = (_COORDINATOR.value, _NUM_PROCESSES.value, _PROCESS_ID.value)
    alone = "--plan" if PLAN.value else "--profile" if PROFILE.value else ""
    if alone and (_DISTRIBUTED.value or any(value is not None for value in named)):
        raise InputError(f"{alone} looks at a single process: leave out what names other processes")
    return other_processes(
        distributed=_DISTRIBUTED.value,
        coordinator=_COORDINATOR.value,
        num_processes=_NUM_PROCESSES.value,
        process_id=_PROCESS_ID.value,
    )


def parse_flags(arguments: Sequence[str]) -> list[str]:
    """Read the flags; what is left are the arguments that are none."""
    look_here()
    try:
        left = flags.FLAGS(list(arguments))
    except Exception as error:  # a config file may raise anything
        raise SystemExit(f"error: {wrong_flag(error)}") from error
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
