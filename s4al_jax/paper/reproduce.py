"""Runs what a table of the paper needs, and writes it with the paper's figures beside ours.

Runs that are finished are only read; one that was stopped goes on. See docs/how_to/reproduce.md.
"""

import ast
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from s4al_jax.config import loader
from s4al_jax.console.format import duration
from s4al_jax.files.atomic import write_atomically
from s4al_jax.paper import sweep
from s4al_jax.paper.comparison import lines
from s4al_jax.paper.comparison_page import as_csv, contents, page
from s4al_jax.paper.stages import planned_stages
from s4al_jax.paper.sweep import Job, StagesOf
from s4al_jax.paper.tables import (
    SUPERVISED,
    TABLES,
    TITLES,
    Kind,
    Table,
    full_supervision,
    tables_by_name,
)
from s4al_jax.rundir.records import Record
from s4al_jax.types import InputError

PROTOCOLS = {
    ("quick", "camvid"): "quick",
    ("quick", "cityscapes"): "quick",
    ("small", "camvid"): "camvid_small",
    ("paper", "camvid"): "camvid",
    ("paper", "cityscapes"): "cityscapes",
}
"""(profile, dataset) -> the configuration that all runs are diffs on"""
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


class Request(NamedTuple):
    """What is to be reproduced, and where."""

    table: str
    """its name in the paper, or "all" """
    profile: str
    """quick, small, paper, or the path of a configuration"""
    dataset: str
    seeds: tuple[int, ...]
    runs: Path
    """the folder of the runs"""
    out: Path
    """the folder of the tables"""
    changes: Mapping[str, Any]
    """options by dotted name, changed in all runs"""
    command: str
    """the command line, which the pages say"""


def reproduce(
    request: Request, *, dry_run: bool = False, timing: bool = True, tables_only: bool = False
) -> None:
    """Say what it costs, run what is missing, and write the tables.

    Args:
      request: what is wanted.
      dry_run: stop when it is said what it costs.
      timing: time some steps where no run tells how long they take.
      tables_only: write the tables of what is finished and run nothing.
    """
    tables = tables_of(request)
    jobs = jobs_of(request, tables)
    # One seed of everything before the next: the first tables come early.
    order = sorted({job.name: job for of in jobs.values() for job in of}.values(), key=by_seed)
    missing = [job for job in order if not sweep.progress(job, request.runs).done]
    stages_of = planned_stages()
    if not tables_only:
        if missing and timing:
            time_unknown(missing, request.runs, stages_of)
        say_cost(order, request.runs, stages_of)
    if dry_run:
        return
    if not tables_only:
        run_all(missing, request.runs, stages_of)
    write_tables(request, tables, jobs)


def tables_of(request: Request) -> tuple[Table, ...]:
    """The tables that are asked for; quick scenes stand in for either dataset."""
    if request.table == "all" and request.profile == "quick":
        return TABLES
    tables = tables_by_name(request.table, request.dataset)
    for table in tables:
        if request.dataset not in table.datasets and request.profile in ("small", "paper"):
            raise InputError(
                f"the paper's table {table.name} is on {table.datasets[0]}: give "
                f"--dataset={table.datasets[0]}"
            )
    return tables


def protocol(request: Request) -> Path:
    """The configuration that the profile stands for."""
    if request.profile.endswith(".py"):
        return Path(request.profile)
    name = PROTOCOLS.get((request.profile, request.dataset))
    if name is None:
        known = ", ".join(f"{profile} ({dataset})" for profile, dataset in PROTOCOLS)
        raise InputError(
            f"--profile={request.profile} --dataset={request.dataset}: there are {known}, or the "
            "path of a config file"
        )
    return loader.find(name)[0]


def read_changes(texts: Sequence[str]) -> dict[str, Any]:
    """Options by dotted name, of texts such as `config.batch.labeled=2`."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.startswith("config."):
            raise InputError(f"--set={text}: give config.OPTION=VALUE")
        try:
            found[name.removeprefix("config.")] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            found[name.removeprefix("config.")] = value
    return found


def jobs_of(request: Request, tables: Sequence[Table]) -> Jobs:
    """The runs of each kind that the tables need, in the order of the seeds."""
    kinds = [row.kind for table in tables for row in table.rows if row.kind]
    kinds += [SUPERVISED] if full_supervision(tuple(tables)) else []
    file = protocol(request)
    return {
        kind: [sweep.job(file, kind, seed, request.changes) for seed in request.seeds]
        for kind in dict.fromkeys(kinds)
    }


def by_seed(job: Job) -> int:
    """The seed of a run."""
    return int(job.options["seed"])


def time_unknown(missing: Sequence[Job], runs: Path, stages_of: StagesOf) -> None:
    """Time some steps of each size of which no run tells enough."""
    known = sweep.rates_by_size(runs)
    unknown = [
        job for job in missing if sweep.seconds_left(job, 0, known(job), stages_of(job)) is None
    ]
    of_size: dict[Any, list[Job]] = {}
    for job in unknown:
        of_size.setdefault(sweep.size(job.options), []).append(job)
    for jobs in of_size.values():
        print("no run of this size was timed yet: timing a few steps", flush=True)
        # The run with most stages times most of what the others need.
        learner = max(jobs, key=lambda job: len(set(stages_of(job) or ())))
        try:
            sweep.time_steps(learner, runs)
        except InputError as error:
            print(f"steps cannot be timed: {error}", flush=True)


def say_cost(jobs: Sequence[Job], runs: Path, stages_of: StagesOf) -> None:
    """How many runs and steps, and how long they take."""
    found = sweep.cost(jobs, runs, sweep.rates_by_size(runs), stages_of)
    took = "how long they take is not known" if found.seconds is None else duration(found.seconds)
    print(
        f"{found.runs} runs, of which {found.done} are done and {found.begun} begun; "
        f"{found.steps_left} of {found.steps} steps are left: {took}"
        f"{'' if found.seconds is None else ', and starting, compiling and measuring on top'}",
        flush=True,
    )


def run_all(missing: Sequence[Job], runs: Path, stages_of: StagesOf) -> None:
    """Do the runs one after the other, saying how far they are."""
    for number, job in enumerate(missing):
        print(f"run {number + 1} of {len(missing)}: {job.name}", flush=True)
        clock = Clock(job, missing[number + 1 :], runs, stages_of)
        sweep.perform(job, runs, clock.tell)


class Clock:
    """Says now and then how far a run is, and how long it and those after it still take."""

    def __init__(self, job: Job, later: Sequence[Job], runs: Path, stages_of: StagesOf) -> None:
        self._job, self._later, self._runs, self._stages_of = job, later, runs, stages_of
        self._told = time.monotonic()

    def tell(self) -> None:
        """A line, unless the last one is still fresh."""
        if time.monotonic() - self._told < SAY_EVERY_SECONDS:
            return
        self._told = time.monotonic()
        now = sweep.progress(self._job, self._runs)
        jobs = [self._job, *self._later]
        rates = sweep.rates_by_size(self._runs)
        left = sweep.cost(jobs, self._runs, rates, self._stages_of).seconds
        rest = "" if left is None else f", {duration(left)} of steps left in all"
        print(f"  step {now.steps} of {self._job.schedule.total_steps}{rest}", flush=True)


def write_tables(request: Request, tables: Sequence[Table], jobs: Jobs) -> None:
    """Markdown, CSV and a picture of each table, and where there are several a page of all."""
    # matplotlib, which saying what it costs does not need.
    from s4al_jax.paper.figures import picture
    from s4al_jax.report.figures.acquisition import save

    finished = {kind: sweep.finished_runs(of, request.runs) for kind, of in jobs.items()}
    made = []
    for table in tables:
        dataset = request.dataset if request.dataset in table.datasets else table.datasets[0]
        found = lines(table, finished, dataset, finished.get(SUPERVISED, []))
        records = of_table(table, finished)
        name = f"{table.name}_{dataset}"
        text = page(
            table,
            found,
            records,
            opening=opening(request.profile, TITLES[dataset]),
            command=request.command,
            picture=f"{name}.png",
        )
        write_atomically(request.out / f"{name}.md", text.encode())
        write_atomically(request.out / f"{name}.csv", as_csv(found).encode())
        save(picture(table, found), request.out / f"{name}.png")
        print(f"{request.out / name}.md: {len(records)} runs", flush=True)
        made.append((table, name, found))
    if len(made) > 1:
        records = unique([record for of in finished.values() for record in of])
        about = opening(request.profile, "the paper's images")
        text = contents(made, records, opening=about, command=request.command)
        write_atomically(request.out / "README.md", text.encode())


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
