"""Runs what a table of the paper needs, and writes it with the paper's figures beside ours.

    python scripts/reproduce.py all --profile=quick --seeds=0,1,2
    python scripts/reproduce.py 3b --profile=paper --dataset=camvid --dry_run

Runs that are finished are only read; one that was stopped goes on. See docs/reproduce.md.
"""

import argparse
import ast
import shlex
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from s4al_jax.console.format import duration
from s4al_jax.files.atomic import write_atomically
from s4al_jax.paper import sweep
from s4al_jax.paper.comparison import lines
from s4al_jax.paper.comparison_page import as_csv, contents, page
from s4al_jax.paper.figures import picture
from s4al_jax.paper.sweep import Job
from s4al_jax.paper.tables import (
    DATASETS,
    SUPERVISED,
    TABLES,
    TITLES,
    Kind,
    Table,
    full_supervision,
    named,
)
from s4al_jax.report.figures.acquisition import save
from s4al_jax.rundir.records import Record
from s4al_jax.types import InputError

PROTOCOLS = {
    ("quick", "camvid"): "configs/quick.py",
    ("quick", "cityscapes"): "configs/quick.py",
    ("small", "camvid"): "configs/camvid_small.py",
    ("paper", "camvid"): "configs/camvid.py",
    ("paper", "cityscapes"): "configs/cityscapes.py",
}
SAY_EVERY_SECONDS = 60.0
OPENINGS = {
    "quick": "Small drawn street scenes stand in for {data}, learned by a narrow network from "
    "random weights in a few hundred steps: this shows that the comparison can be made, not how it "
    "ends. **No figure here is expected to be the paper's.**",
    "small": "A quarter of the pixels and a short schedule (`configs/camvid_small.py`): the paper "
    "trains many times longer.",
    "paper": "The paper's protocol in full.",
}

Jobs = Mapping[Kind, Sequence[Job]]


def main(given: argparse.Namespace) -> None:
    """Say what it costs, run what is missing, and write the tables."""
    tables = chosen_tables(given)
    jobs = wanted_jobs(given, tables)
    # One seed of everything before the next: the first tables come early.
    order = sorted({job.name: job for of in jobs.values() for job in of}.values(), key=by_seed)
    missing = [job for job in order if not sweep.standing(job, given.runs).done]
    if not given.tables_only:
        if missing and not given.no_timing:
            time_unknown(missing, given.runs)
        say_cost(order, given.runs)
    if given.dry_run:
        return
    if not given.tables_only:
        run_all(missing, given.runs)
    write_tables(given, tables, jobs)


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    names = [table.name for table in TABLES]
    parser.add_argument("table", choices=(*names, "all"), metavar="TABLE", help=", ".join(names))
    parser.add_argument("--profile", default="quick", help="quick, small, paper, or a config file")
    parser.add_argument("--dataset", choices=DATASETS, default="camvid")
    parser.add_argument("--seeds", type=seeds, default=(0,), help="with commas between")
    parser.add_argument("--runs", type=Path, default=Path("runs/reproduce"), help="their folder")
    parser.add_argument("--out", type=Path, help="folder of the tables; default: in --runs")
    parser.add_argument("--dry_run", action="store_true", help="say what it costs, and stop")
    parser.add_argument("--no_timing", action="store_true", help="do not time steps for that")
    parser.add_argument("--tables_only", action="store_true", help="of what is finished")
    parser.add_argument(
        "--set", action="append", default=[], metavar="config.KNOB=VALUE", help="in all runs"
    )
    given = parser.parse_args()
    profile = Path(given.profile).stem
    given.out = given.out or given.runs / "tables" / f"{profile}_{given.dataset}"
    return given


def seeds(text: str) -> tuple[int, ...]:
    """Whole numbers with commas between."""
    return tuple(dict.fromkeys(map(int, text.split(","))))


def chosen_tables(given: argparse.Namespace) -> tuple[Table, ...]:
    """The tables that are asked for; quick scenes stand in for either dataset."""
    if given.table == "all" and given.profile == "quick":
        return TABLES
    tables = named(given.table, given.dataset)
    for table in tables:
        if given.dataset not in table.datasets and given.profile in ("small", "paper"):
            raise InputError(
                f"the paper's table {table.name} is on {table.datasets[0]}: give "
                f"--dataset={table.datasets[0]}"
            )
    return tables


def protocol(given: argparse.Namespace) -> Path:
    """The file of configs/ that the profile stands for."""
    if given.profile.endswith(".py"):
        return Path(given.profile)
    path = PROTOCOLS.get((given.profile, given.dataset))
    if path is None:
        known = ", ".join(f"{profile} ({dataset})" for profile, dataset in PROTOCOLS)
        raise InputError(
            f"--profile={given.profile} --dataset={given.dataset}: there are {known}, or the path "
            "of a config file"
        )
    return Path(path)


def changes(given: argparse.Namespace) -> dict[str, Any]:
    """The options that `--set` names."""
    found = {}
    for text in given.set:
        name, equals, value = text.partition("=")
        if not equals or not name.startswith("config."):
            raise InputError(f"--set={text}: give config.KNOB=VALUE")
        try:
            found[name.removeprefix("config.")] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            found[name.removeprefix("config.")] = value
    return found


def wanted_jobs(given: argparse.Namespace, tables: Sequence[Table]) -> Jobs:
    """The runs of each kind that the tables need, in the order of the seeds."""
    kinds = [row.kind for table in tables for row in table.rows if row.kind]
    kinds += [SUPERVISED] if full_supervision(tuple(tables)) else []
    file, changed = protocol(given), changes(given)
    return {
        kind: [sweep.job(file, kind, seed, changed) for seed in given.seeds]
        for kind in dict.fromkeys(kinds)
    }


def by_seed(job: Job) -> int:
    """The seed of a run."""
    return int(job.options["seed"])


def time_unknown(missing: Sequence[Job], runs: Path) -> None:
    """Time some steps of each size of which no run tells enough."""
    known = sweep.measured(runs)
    unknown = [job for job in missing if sweep.seconds_left(job, 0, known(job)) is None]
    of_size: dict[Any, list[Job]] = {}
    for job in unknown:
        of_size.setdefault(sweep.size(job.options), []).append(job)
    for jobs in of_size.values():
        print("no run of this size was timed yet: timing a few steps", flush=True)
        # Of them all the one with most phases tells most.
        learner = max(jobs, key=lambda job: len(set(sweep.epoch_phases(job))))
        try:
            sweep.time_steps(learner, runs)
        except InputError as error:
            print(f"steps cannot be timed: {error}", flush=True)


def say_cost(jobs: Sequence[Job], runs: Path) -> None:
    """How many runs and steps, and how long they take."""
    found = sweep.cost(jobs, runs, sweep.measured(runs))
    took = "how long they take is not known" if found.seconds is None else duration(found.seconds)
    print(
        f"{found.runs} runs, of which {found.done} are done and {found.begun} begun; "
        f"{found.steps_left} of {found.steps} steps are left: {took}"
        f"{'' if found.seconds is None else ', and starting, compiling and measuring on top'}",
        flush=True,
    )


def run_all(missing: Sequence[Job], runs: Path) -> None:
    """Do the runs one after the other, saying how far they are."""
    for number, job in enumerate(missing):
        print(f"run {number + 1} of {len(missing)}: {job.name}", flush=True)
        clock = Clock(job, missing[number + 1 :], runs)
        sweep.perform(job, runs, clock.tell)


class Clock:
    """Says now and then how far a run is, and how long it and those after it still take."""

    def __init__(self, job: Job, later: Sequence[Job], runs: Path) -> None:
        self._job, self._later, self._runs = job, later, runs
        self._told = time.monotonic()

    def tell(self) -> None:
        """A line, unless the last one is still fresh."""
        if time.monotonic() - self._told < SAY_EVERY_SECONDS:
            return
        self._told = time.monotonic()
        now = sweep.standing(self._job, self._runs)
        jobs = [self._job, *self._later]
        left = sweep.cost(jobs, self._runs, sweep.measured(self._runs)).seconds
        rest = "" if left is None else f", {duration(left)} of steps left in all"
        print(f"  step {now.steps} of {sweep.steps(self._job)}{rest}", flush=True)


def write_tables(given: argparse.Namespace, tables: Sequence[Table], jobs: Jobs) -> None:
    """Markdown, CSV and a picture of each table, and where there are several a page of all."""
    finished = {kind: sweep.finished(of, given.runs) for kind, of in jobs.items()}
    command = shlex.join(["python", *sys.argv])
    made = []
    for table in tables:
        dataset = given.dataset if given.dataset in table.datasets else table.datasets[0]
        found = lines(table, finished, dataset, finished.get(SUPERVISED, []))
        records = of_table(table, finished)
        name = f"{table.name}_{dataset}"
        text = page(
            table,
            found,
            records,
            opening=opening(given.profile, TITLES[dataset]),
            command=command,
            picture=f"{name}.png",
        )
        write_atomically(given.out / f"{name}.md", text.encode())
        write_atomically(given.out / f"{name}.csv", as_csv(found).encode())
        save(picture(table, found), given.out / f"{name}.png")
        print(f"{given.out / name}.md: {len(records)} runs", flush=True)
        made.append((table, name, found))
    if len(made) > 1:
        records = unique([record for of in finished.values() for record in of])
        about = opening(given.profile, "the paper's images")
        text = contents(made, records, opening=about, command=command)
        write_atomically(given.out / "README.md", text.encode())


def of_table(table: Table, finished: Mapping[Kind, Sequence[Record]]) -> list[Record]:
    """The finished runs that a table is made from."""
    kinds = {row.kind for row in table.rows if row.kind}
    kinds |= {SUPERVISED} if full_supervision((table,)) else set()
    return unique([record for kind in kinds for record in finished[kind]])


def opening(profile: str, data: str) -> str:
    """What one has to know before one reads the figures; `data` are the paper's."""
    return OPENINGS.get(profile, f"Under `{profile}`.").format(data=data)


def unique(records: Sequence[Record]) -> list[Record]:
    """Each run once, by name."""
    return sorted({record.path: record for record in records}.values(), key=lambda r: r.path.name)


def stop(number: int, frame: FrameType | None) -> None:
    """Leave as after a keyboard's stop, so that the run in progress is stopped as well."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stop)
    try:
        main(arguments())
    except InputError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        print("\nStopped; the same command goes on.", file=sys.stderr)
        sys.exit(130)
