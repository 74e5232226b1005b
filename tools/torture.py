"""Kills a small run over and over, and sees whether it still ends with the same bits.

    python -m tools.torture --kills=100 --seed=0 --workdir=/tmp/torture --out=kills.csv
    python -m tools.torture --config=tests/support/cheap_method.py --kills=500 --workdir=DIR
    python -m tools.torture --at=checkpoint:3 --at=ledger:2 --workdir=/tmp/torture

One run is left alone. Then the same command is started, killed with SIGKILL, and started again
until it ends by itself; what it has left is compared with the run that was left alone: parameters
of both networks, regions chosen, ledger, metrics. After that it begins anew, until so many kills
are done.

Every other kill comes at a moment drawn over the time that the whole run takes, the rest at one
drawn from all that it does to files and all stages that it enters, so that the short moments
between a line and its `fsync` are met as well. Half of the former are SIGTERM, which lets the run
save and leave. `--at=STAGE:COUNT` kills at the COUNT-th entry of a
stage instead (or of STAGE.fsync, STAGE.rename and so on). One start in four lacks a compiled
program and has to make it again.

Of the configurations in `tests/support/`, `tiny.py` is the whole method on a network of two
convolutions, `cheap_method.py` the whole loop on networks of one weight, which compile in no time;
with `cheap_person.py` the regions are asked of a person, who answers between two starts. A start is
a fork of a process that has imported everything and done nothing: what is not tried is a kill
during Python's imports, which write nothing into a run's directory.
"""

import argparse
import csv
import importlib
import itertools
import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.support import photographs
from tests.support.watch import NEVER, Moment, Watch

OPTIONS = (
    "--config.devices=1",
    "--config.batch.labeled=2",
    "--config.batch.unlabeled=2",
    "--config.schedule.epochs=3",
    "--config.schedule.last_epochs=4",
    "--config.report.pool_images=3",
    "--config.report.measured_images=2",
)
"""All stages of the tests' small runs, on one device, and the page of each cycle."""
STAGES = {
    "tests/support/tiny.py": (
        "--config.method.kwargs.warmup_epochs=1",
        "--config.method.kwargs.replay=True",
        "--config.method.kwargs.replay_from_cycle=1",
    )
}
"""Options of a configuration whose method would leave stages out."""
ASKED = "tests/support/cheap_person.py"
IMPORTED = (
    "s4al_jax.main",
    "s4al_jax.run.loop",
    "tests.support.same_run",
    "tests.support.cheap_method",
)
"""What a start finds imported already."""

HEAD = ("round", "kill", "drawn", "signal", "seconds", "left_after", "stage", "entry", "outcome")
PATIENCE = 600
STOPPED = (-signal.SIGKILL, -signal.SIGTERM, 128 + signal.SIGTERM)
"""Exit codes of a process that was killed or asked to leave, before it listens or after"""


class Ended(NamedTuple):
    """How a process ended: its exit code (negative: the signal), after how long, and where."""

    code: int
    seconds: float
    left_after: float
    """seconds from the signal on"""
    marks: int
    stage: str


class Torture:
    """A place to run in, the run that was left alone, and what became of all kills."""

    def __init__(
        self, workdir: Path, *, seed: int, config: str, programs: Path | None, out: Path | None
    ) -> None:
        self.out, self.truth = out, workdir / "photographs"
        if config == ASKED:
            shutil.rmtree(workdir / "pool", ignore_errors=True)
            photographs.draw_photographs(self.truth)
            pool = photographs.copy_without_masks(
                self.truth, workdir / "pool", "train/0", "train/3"
            )
            config = f"{config}:{pool}"
        stages = STAGES.get(config, ())
        self.command = ("s4al_jax.main", f"--config={config}", *OPTIONS, *stages)
        self.workdir, self.watch, self.lots = workdir, Watch(), random.Random(seed)
        self.rows: list[list[str]] = []
        self.rounds = 0
        self.programs = programs or workdir / "programs"
        self.straight = workdir / "straight"

    def forked(self, work: Callable[[], object], moment: Moment, said: Path) -> Ended:
        """Do some work in a process of its own, and kill it when the moment comes."""
        self.watch.clear()
        self.watch.moment = moment
        sys.stdout.flush()
        started = time.monotonic()
        process = os.fork()
        if not process:
            os._exit(_code(work, said, self.programs))
        deadline = started + (PATIENCE if moment.seconds is None else moment.seconds)
        status, sent = _status(process, deadline), time.monotonic()
        if status is None:
            os.kill(process, moment.signal)
            status = _status(process, sent + PATIENCE)
        if status is None:
            os.kill(process, signal.SIGKILL)
            sys.exit(f"a process did not leave within {PATIENCE} s of {moment}")
        now = time.monotonic()
        code = os.waitstatus_to_exitcode(status)
        return Ended(code, now - started, now - sent, *self.watch.found)

    def started(self, run: Path, moment: Moment) -> Ended:
        """Start the command on a run's directory."""

        def work() -> None:
            self.watch.install(run)
            importlib.import_module("s4al_jax.main").run()

        sys.argv = [*self.command, f"--workdir={run}"]
        ended = self.forked(work, moment, run.with_suffix(".txt"))
        if not ended.code and self._answered(run):
            return self.started(run, moment)
        return ended

    def _answered(self, run: Path) -> bool:
        """Whether a person was asked, who has answered now; a run goes on after that."""
        asked = [path for path in run.glob("requests/[0-9]*") if not any(path.glob("answers/*"))]
        answer = photographs.answer_requests
        return any([list(answer(run, self.truth, int(path.name))) for path in asked])

    def compared(self, run: Path) -> str:
        """`same bits`, or what differs from the run that was left alone."""
        found = self.workdir / "differences.json"

        def work() -> None:
            line = importlib.import_module("s4al_jax.cli.arguments")
            line.parse_flags(self.command)
            built = importlib.import_module("s4al_jax.run.build").build(line.config())
            same_run = importlib.import_module("tests.support.same_run")
            found.write_text(json.dumps(same_run.differences(run, self.straight, built)))

        ended = self.forked(work, NEVER, run.with_suffix(".txt"))
        if ended.code:
            return f"cannot be compared: {last_line(run)}"
        differing = json.loads(found.read_text())
        return f"differs: {', '.join(differing[:5])}" if differing else "same bits"

    def killed(self, moments: Iterator[Moment]) -> None:
        """Kill at every moment that comes, and compare whenever a run has ended."""
        run, open_rows, moment = self._next_run(), [], next(moments, None)
        while True:
            ended = self.started(run, moment or NEVER)
            if ended.code in STOPPED:
                open_rows.append(self._row(moment or NEVER, ended))
                moment = next(moments, None)
                continue
            if moment and moment.stage:
                print(f"{moment.said} was not met: the run ended before", flush=True)
            outcome = f"stopped: {last_line(run)}" if ended.code else self.compared(run)
            for row in open_rows:
                row.append(outcome)
            self._say(open_rows, outcome)
            if outcome == "same bits":
                shutil.rmtree(run)
            # An entry that was over already is waited for once more, in a run from the start.
            if moment and not (moment.stage and open_rows):
                moment = next(moments, None)
            if moment is None:
                return
            run, open_rows = self._next_run(), []

    def _next_run(self) -> Path:
        self.rounds += 1
        run = self.workdir / f"run_{self.rounds:03d}"
        shutil.rmtree(run, ignore_errors=True)
        return run

    def _row(self, moment: Moment, ended: Ended) -> list[str]:
        stage, _, entry = ended.stage.partition(".")
        name, times = signal.Signals(moment.signal).name, (ended.seconds, ended.left_after)
        row = [str(self.rounds), str(len(self.rows) + 1), moment.said, name]
        self.rows.append([*row, *(f"{seconds:.2f}" for seconds in times), stage, entry])
        return self.rows[-1]

    def _say(self, rows: Sequence[Sequence[str]], outcome: str) -> None:
        if self.out:
            with self.out.open("w", newline="") as file:
                csv.writer(file, lineterminator="\n").writerows([HEAD, *self.rows])
        stages = ", ".join(".".join(filter(None, row[6:8])) for row in rows)
        print(
            f"run {self.rounds}, {len(rows)} kills ({stages}): {outcome}; {len(self.rows)} so far",
            flush=True,
        )

    def moments(self, kills: int, whole: Ended) -> Iterator[Moment]:
        """So many moments, by turns out of the time and out of the marks of a whole run."""
        for number in itertools.count():
            if len(self.rows) == kills:
                return
            programs = sorted(self.programs.glob("*-cache"))
            if programs and self.lots.random() < 0.25:
                self.lots.choice(programs).unlink()
            if number % 2:
                yield Moment("mark", mark=self.lots.randint(1, whole.marks))
            else:
                kill = signal.SIGTERM if number % 4 else signal.SIGKILL
                yield Moment("time", seconds=self.lots.uniform(0, whole.seconds), signal=kill)


def _code(work: Callable[[], object], said: Path, programs: Path) -> int:
    """Do the work in this process, a fork, and say how it ended as a shell would."""
    with said.open("a") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    import jax

    jax.config.update("jax_compilation_cache_dir", str(programs))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    try:
        work()
        code: Any = 0
    except SystemExit as end:
        code = end.code
        if isinstance(code, str):
            print(code, file=sys.stderr)
    except BaseException:
        importlib.import_module("traceback").print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code if isinstance(code, int) else int(code is not None)


def _status(process: int, deadline: float) -> int | None:
    """How a process has ended; None where it still runs when its time is over."""
    while not (ended := os.waitpid(process, os.WNOHANG))[0]:
        if time.monotonic() > deadline:
            return None
        time.sleep(0.002)
    return ended[1]


def last_line(run: Path) -> str:
    """The last that the processes of a run have said."""
    lines = run.with_suffix(".txt").read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""


def asked(text: str) -> Moment:
    """`STAGE:COUNT` as a moment."""
    stage, _, count = text.rpartition(":")
    if not stage or not count.isdecimal():
        raise argparse.ArgumentTypeError(f"{text}: give STAGE:COUNT, as in checkpoint:3")
    return Moment(text, mark=int(count), stage=stage)


def main() -> None:
    """Do the run that is left alone, then the kills, and say how many were survived."""
    given = arguments()
    workdir = given.workdir.resolve()
    workdir.mkdir(parents=True, exist_ok=True)
    os.environ["JAX_PLATFORMS"] = "cpu"
    for module in IMPORTED:
        importlib.import_module(module)
    torture = Torture(
        workdir, seed=given.seed, config=given.config, programs=given.programs, out=given.out
    )
    # Twice: the first one compiles, the second one tells how long a start takes that need not.
    for _ in range(1 if given.at else 2):
        shutil.rmtree(torture.straight, ignore_errors=True)
        whole = torture.started(torture.straight, NEVER)
        if whole.code:
            sys.exit(f"the run that is left alone fails: {last_line(torture.straight)}")
    print(f"a whole run: {whole.seconds:.1f} s, {whole.marks} marks", flush=True)
    moments = iter(given.at) if given.at else torture.moments(given.kills, whole)
    began = time.monotonic()
    torture.killed(moments)
    survived = sum(row[-1] == "same bits" for row in torture.rows)
    print(f"{len(torture.rows)} kills in {time.monotonic() - began:.0f} s: {survived} survived")
    sys.exit(int(survived < len(torture.rows)))


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=100, help="how many, at random moments")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument(
        "--at", type=asked, action="append", help="STAGE:COUNT, in place of --kills"
    )
    parser.add_argument(
        "--config",
        default="tests/support/tiny.py",
        help="or cheap_method.py, cheap_person.py beside it",
    )
    parser.add_argument("--workdir", type=Path, required=True, help="where the runs lie")
    parser.add_argument("--programs", type=Path, help="where compiled programs are kept")
    parser.add_argument("--out", type=Path, help="the CSV file to write: a row for each kill")
    return parser.parse_args()


if __name__ == "__main__":
    main()
