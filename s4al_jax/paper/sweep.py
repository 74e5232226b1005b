"""Many runs: which are needed, how far each one is, what is left to do, and getting it done.

Each run is the command `s4al_jax.main` in a process of its own. Its folder is named after what it
computes, so that every table that needs the same run finds it, and the same command goes on after
a stop.
"""

import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from s4al_jax.config import loader, options
from s4al_jax.config.validate import validate
from s4al_jax.paper.tables import Kind
from s4al_jax.rundir import records as run_files
from s4al_jax.types import InputError, Schedule

SIZE = ("data.height", "data.width", "model.", "batch.", "augment.crop_", "devices")
"""Options (or how their names begin) that decide how long a step takes."""

SHORT = {
    "schedule.acquisitions": 0,
    "schedule.iterations": 2,
    "schedule.epochs": 9,
    "schedule.last_epochs": 9,
    "method.kwargs.warmup_epochs": 3,
    "method.kwargs.replay_start_epoch": 6,
    "method.kwargs.replay_from_cycle": 0,
    "evaluate.every_epochs": 9,
    "checkpoint.every_epochs": 9,
}
"""What makes a run go through all of its stages in a few steps; a method lacks some of these."""

ALONE = {"devices": 1, "schedule.steps_per_call": 1}
"""What a run is built with that is only planned, on a CPU."""

LOGS, TIMING = "logs", "timing"
POLL_SECONDS = 2.0


class Job(NamedTuple):
    """A run that is wanted."""

    name: str
    """of its folder"""
    arguments: tuple[str, ...]
    """of `s4al_jax.main`, without the folder"""
    options: Mapping[str, Any]

    @property
    def schedule(self) -> Schedule:
        """How long it trains."""
        names = ("iterations", "epochs", "last_epochs")
        numbers = {name: int(self.options[f"schedule.{name}"]) for name in names}
        return Schedule(cycles=int(self.options["schedule.acquisitions"]) + 1, **numbers)


StagesOf = Callable[[Job], Sequence[str] | None]
"""A run -> the stage of each of its epochs; None: not known."""


def job(protocol: Path, kind: Kind, seed: int, changes: Mapping[str, Any]) -> Job:
    """A run of a protocol, which is a file of configs/.

    Args:
      protocol: the file.
      kind: the study of it, and what is changed there.
      seed: of the run.
      changes: options that differ from the protocol in all of its runs.
    """
    base = options.with_options(loader.load(protocol, kind.study), changes)
    values = {**changes, **dict(kind.options), "seed": seed}
    cell = base.regions.kwargs
    if kind.cells:
        times, count = kind.cells
        values["regions.kwargs.cell_height"] = times * cell.cell_height
        values["regions.kwargs.cell_width"] = times * cell.cell_width
        values["budget.regions_per_image"] = count
    if kind.whole_images:
        values["regions.kwargs.cell_height"] = base.data.height
        values["regions.kwargs.cell_width"] = base.data.width
    config = options.with_options(base, values)
    validate(config)
    flat = options.flat(config)
    arguments = [f"--config={protocol}{':' if kind.study else ''}{kind.study}"]
    arguments += [f"--config.{name}={value}" for name, value in values.items()]
    return Job(_name(flat), tuple(arguments), flat)


def _name(given: Mapping[str, Any]) -> str:
    size = f"{given['data.height']}x{given['data.width']}"
    parts = [given["data.name"], size, given["method.name"], given["acquisition.name"]]
    return "_".join([*parts, f"seed{given['seed']}", options.fingerprint(given)[:10]])


class Progress(NamedTuple):
    """How far a run is."""

    done: bool
    steps: int
    """that are behind it; after a stop some of them are done again"""


def progress(wanted: Job, folder: Path) -> Progress:
    """Of a run in a folder of runs."""
    run, last = folder / wanted.name, wanted.schedule.cycles - 1
    if (run / "cycles" / f"{last:02d}" / "metrics.json").is_file():
        return Progress(True, wanted.schedule.total_steps)
    numbers = [row["number"] for row in run_files.rows(run) if row["kind"] == "train"]
    return Progress(False, max(numbers, default=0))


def size(given: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """What two runs share whose steps take as long."""
    return tuple(sorted((k, repr(v)) for k, v in given.items() if k.startswith(SIZE)))


Rates = Mapping[str, float]
"""stage -> seconds a step"""


def rates(folder: Path, given: Mapping[str, Any]) -> Rates:
    """The median seconds a step of all runs of the same size below a folder."""
    found: dict[str, list[float]] = {}
    for path in (*folder.glob("*/config.json"), *folder.glob(f"{TIMING}/*/config.json")):
        if size(run_files.read(path.parent).options) == size(given):
            for stage, seconds in _times(path.parent):
                found.setdefault(stage, []).append(seconds)
    return {stage: statistics.median(seconds) for stage, seconds in found.items()}


def rates_by_size(folder: Path) -> Callable[[Job], Rates]:
    """A function from a run to the rates of its size; each size is looked up once."""
    known: dict[tuple[tuple[str, str], ...], Rates] = {}

    def of(wanted: Job) -> Rates:
        key = size(wanted.options)
        if key not in known:
            known[key] = rates(folder, wanted.options)
        return known[key]

    return of


def _times(run: Path) -> Iterator[tuple[str, float]]:
    """Seconds a step of each epoch; not of a stage's first one, in which it may be compiled."""
    stages = {row["number"]: row["stage"] for row in run_files.rows(run) if row["kind"] == "train"}
    compiled: set[str] = set()
    for row in run_files.rows(run, "timing.jsonl"):
        stage = stages.get(row["number"])
        if stage is None:
            continue
        if stage in compiled:
            yield stage, float(row["seconds_per_step"])
        compiled.add(stage)


def seconds_left(
    wanted: Job, done: int, known: Rates, stages: Sequence[str] | None
) -> float | None:
    """How long the steps of a run still take; None where a stage was never timed.

    Args:
      wanted: the run.
      done: steps that are behind it.
      known: seconds a step by stage.
      stages: of each of its epochs; None: not known.
    """
    iterations = wanted.schedule.iterations
    left = stages and stages[done // iterations :]
    if left is None or not set(left) <= set(known):
        return None
    return iterations * sum(known[stage] for stage in left)


def time_steps(wanted: Job, folder: Path) -> None:
    """Do some steps of every stage of a run's size, so that `rates` knows them."""
    short = {name: value for name, value in SHORT.items() if name in wanted.options}
    flags = [f"--config.{name}={value}" for name, value in short.items()]
    given = {**wanted.options, **short}
    name = f"{TIMING}/{options.fingerprint(given)[:10]}"
    perform(Job(name, (*wanted.arguments, *flags), given), folder, lambda: None)


def perform(wanted: Job, folder: Path, meanwhile: Callable[[], None]) -> None:
    """Begin a run or go on with it, and wait for its end; `meanwhile` is called now and then."""
    log = folder / LOGS / f"{wanted.name.replace('/', '_')}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "s4al_jax.main", *wanted.arguments]
    command.append(f"--workdir={folder / wanted.name}")
    with log.open("a") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
        try:
            while _still_running(process):
                meanwhile()
        finally:
            # To stop this command is to stop the run, too; it goes on with the next one.
            if process.poll() is None:
                process.terminate()
                process.wait()
    # A run that waits for a person has ended well, too, but is not done.
    if process.returncode or not progress(wanted, folder).done:
        last = (log.read_text().strip().splitlines() or ["it has no output"])[-1]
        raise InputError(f"{folder / wanted.name} has not come to its end: {last} ({log})")


def _still_running(process: subprocess.Popen) -> bool:
    try:
        process.wait(POLL_SECONDS)
    except subprocess.TimeoutExpired:
        return True
    return False


class Cost(NamedTuple):
    """What is left to do of several runs."""

    runs: int
    done: int
    begun: int
    steps: int
    """of all runs"""
    steps_left: int
    seconds: float | None
    """of the steps that are left, at the measured rate; None where it is not known"""


def cost(
    wanted: Iterable[Job],
    folder: Path,
    known: Callable[[Job], Rates],
    stages_of: StagesOf,
) -> Cost:
    """Of runs in a folder, by the rates and stages of each."""
    found = [(each, progress(each, folder)) for each in wanted]
    waiting = [(each, now.steps) for each, now in found if not now.done]
    times = [seconds_left(each, done, known(each), stages_of(each)) for each, done in waiting]
    return Cost(
        runs=len(found),
        done=len(found) - len(waiting),
        begun=sum(steps > 0 for _, steps in waiting),
        steps=sum(each.schedule.total_steps for each, _ in found),
        steps_left=sum(each.schedule.total_steps - done for each, done in waiting),
        seconds=None if None in times else sum(filter(None, times)),
    )


def finished_runs(wanted: Sequence[Job], folder: Path) -> list[run_files.Record]:
    """The records of those runs that are done."""
    done = [each for each in wanted if progress(each, folder).done]
    records = [run_files.read(folder / each.name) for each in done]
    for each, record in zip(done, records, strict=True):
        found = options.differences(record.options, json.loads(json.dumps(each.options)))
        if found:
            raise InputError(f"{record.path} is another run ({'; '.join(found)}): move it away")
    return records
