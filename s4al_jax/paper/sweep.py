"""Many runs: which are needed, how far each one is, what is left to do, and getting it done.

Each run is the command `s4al_jax.main` in a process of its own. Its folder is named after what it
computes, so that whoever needs the same run finds it, and the same command goes on after a stop.
"""

import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from s4al_jax.config import defaults, loader
from s4al_jax.input import schedule as plan
from s4al_jax.paper.tables import Kind
from s4al_jax.rundir import records as run_files
from s4al_jax.types import InputError, Phase

SIZE = ("data.height", "data.width", "model.", "batch.", "augment.crop_", "devices")
"""Options (or how their names begin) that say how long a step takes."""
PHASES = {"supervised": (Phase.WARMUP,)}
"""method -> the phases that it tells apart, where these are not all."""
LOGS, TIMING = "logs", "timing"
POLL_SECONDS = 2.0


class Job(NamedTuple):
    """A run that is wanted."""

    name: str
    """of its folder"""
    arguments: tuple[str, ...]
    """of `s4al_jax.main`, without the folder"""
    options: Mapping[str, Any]


def job(protocol: Path, kind: Kind, seed: int, changes: Mapping[str, Any]) -> Job:
    """A kind of run under a protocol, which is a file of configs/, with a seed.

    `changes` are options that differ from the protocol in all of its runs.
    """
    base = defaults.changed(loader.load(protocol, kind.study), changes)
    values = {**changes, **dict(kind.options), "seed": seed}
    if kind.cells:
        times, count = kind.cells
        values["acquisition.cell_height"] = times * base.acquisition.cell_height
        values["acquisition.cell_width"] = times * base.acquisition.cell_width
        values["acquisition.cells_per_image"] = count
    made = defaults.changed(base, values)
    defaults.validate(made)
    options = defaults.flat(made)
    arguments = [f"--config={protocol}{':' if kind.study else ''}{kind.study}"]
    arguments += [f"--config.{name}={value}" for name, value in values.items()]
    return Job(_name(options), tuple(arguments), options)


def _name(options: Mapping[str, Any]) -> str:
    size = f"{options['data.height']}x{options['data.width']}"
    said = [options["data.name"], size, options["method.name"], options["acquisition.name"]]
    return "_".join([*said, f"seed{options['seed']}", defaults.fingerprint(options)[:10]])


class Standing(NamedTuple):
    """How far a run is."""

    done: bool
    steps: int
    """that are behind it; after a stop some of them are done again"""


def standing(wanted: Job, folder: Path) -> Standing:
    """Of a run in a folder of runs."""
    run, last = folder / wanted.name, wanted.options["schedule.acquisitions"]
    if (run / "cycles" / f"{last:02d}" / "metrics.json").is_file():
        return Standing(True, steps(wanted))
    numbers = [row["number"] for row in run_files.rows(run) if row["kind"] == "train"]
    return Standing(False, max(numbers, default=0))


def steps(wanted: Job) -> int:
    """All steps of a run."""
    return len(epoch_phases(wanted)) * int(wanted.options["schedule.iterations"])


def epoch_phases(wanted: Job) -> list[Phase]:
    """The phase of each epoch of a run, cycle after cycle."""
    schedule = run_files.schedule(wanted.options)
    phases = PHASES.get(wanted.options["method.name"], tuple(Phase))
    return [
        plan.phase(schedule, cycle, epoch * schedule.iterations, phases)
        for cycle in range(schedule.cycles)
        for epoch in range(schedule.epochs_of(cycle))
    ]


def size(options: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """What two runs share whose steps take as long."""
    return tuple(sorted((k, repr(v)) for k, v in options.items() if k.startswith(SIZE)))


Rates = Mapping[Phase, float]
"""phase -> seconds a step"""


def rates(folder: Path, options: Mapping[str, Any]) -> Rates:
    """The median seconds a step of all runs of the same size below a folder."""
    found: dict[Phase, list[float]] = {}
    for path in (*folder.glob("*/config.json"), *folder.glob(f"{TIMING}/*/config.json")):
        if size(run_files.read(path.parent).options) == size(options):
            for phase, seconds in _times(path.parent):
                found.setdefault(phase, []).append(seconds)
    return {phase: statistics.median(seconds) for phase, seconds in found.items()}


def measured(folder: Path) -> Callable[[Job], Rates]:
    """A function from a run to the rates of its size; each size is looked up once."""
    known: dict[tuple[tuple[str, str], ...], Rates] = {}

    def of(wanted: Job) -> Rates:
        key = size(wanted.options)
        if key not in known:
            known[key] = rates(folder, wanted.options)
        return known[key]

    return of


def _times(run: Path) -> Iterator[tuple[Phase, float]]:
    """Seconds a step of each epoch; not of a phase's first one, which may have been compiled in."""
    phases = {
        row["number"]: Phase(row["phase"]) for row in run_files.rows(run) if row["kind"] == "train"
    }
    seen: set[Phase] = set()
    for row in run_files.rows(run, "timing.jsonl"):
        phase = phases.get(row["number"])
        if phase is None:
            continue
        if phase in seen:
            yield phase, float(row["seconds_per_step"])
        seen.add(phase)


def seconds_left(wanted: Job, done: int, known: Rates) -> float | None:
    """What the steps of a run still take; None where a phase was never timed."""
    iterations = int(wanted.options["schedule.iterations"])
    left = epoch_phases(wanted)[done // iterations :]
    if not set(left) <= set(known):
        return None
    return iterations * sum(known[phase] for phase in left)


def time_steps(wanted: Job, folder: Path) -> None:
    """Do some steps of every phase of a run's size, so that `rates` knows them."""
    short = {"acquisitions": 0, "iterations": 2, "epochs": 9, "last_epochs": 9}
    short |= {"warmup_epochs": 3, "replay_start_epoch": 6, "replay_from_cycle": 0}
    flags = [f"--config.schedule.{name}={value}" for name, value in short.items()]
    flags += ["--config.evaluate.every_epochs=9", "--config.checkpoint.every_epochs=9"]
    options = {**wanted.options, **{f"schedule.{name}": value for name, value in short.items()}}
    name = defaults.fingerprint(options)[:10]
    short_job = Job(f"{TIMING}/{name}", (*wanted.arguments, *flags), options)
    perform(short_job, folder, lambda: None)


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
            # Whoever stops this command stops the run, too; it goes on with the next one.
            if process.poll() is None:
                process.terminate()
                process.wait()
    # A run that waits for a person has ended well, too, but is not done.
    if process.returncode or not standing(wanted, folder).done:
        said = (log.read_text().strip().splitlines() or ["it said nothing"])[-1]
        raise InputError(f"{folder / wanted.name} has not come to its end: {said} ({log})")


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


def cost(wanted: Iterable[Job], folder: Path, known: Callable[[Job], Rates]) -> Cost:
    """Of runs in a folder."""
    found = [(each, standing(each, folder)) for each in wanted]
    waiting = [(each, now) for each, now in found if not now.done]
    times = [seconds_left(each, now.steps, known(each)) for each, now in waiting]
    return Cost(
        runs=len(found),
        done=len(found) - len(waiting),
        begun=sum(now.steps > 0 for _, now in waiting),
        steps=sum(steps(each) for each, _ in found),
        steps_left=sum(steps(each) - now.steps for each, now in waiting),
        seconds=None if None in times else sum(filter(None, times)),
    )


def finished(wanted: Sequence[Job], folder: Path) -> list[run_files.Record]:
    """The records of those runs that are done."""
    done = [each for each in wanted if standing(each, folder).done]
    records = [run_files.read(folder / each.name) for each in done]
    for each, record in zip(done, records, strict=True):
        found = defaults.differences(record.options, json.loads(json.dumps(each.options)))
        if found:
            raise InputError(f"{record.path} is another run ({'; '.join(found)}): move it away")
    return records
