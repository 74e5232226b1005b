"""Does to runs all that can go wrong, and writes the table of what became of them.

    python -m tools.reliability --kills=100 --minutes=10 --seed=0 --workdir=/tmp/reliability

Three things are done one after the other: `tools/torture.py` kills the real method, a loop on
networks of one weight, and one that a person answers, so many times in all; the tests that
`tests/support/faults.py` lists are run; `tools/fuzz.py` feeds the readers for so many minutes. The
table goes to `results/reliability.md`, a row for each kill to `results/kills.csv`. It ends with 1
where anything did not become of it that should.
"""

import argparse
import csv
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from s4al_jax.files.atomic import write_atomically
from s4al_jax.run.preflight import revision
from tests.support.faults import FAULTS, GOES_ON, Fault

SHARES = {
    "tests/support/tiny.py": 0.3,
    "tests/support/cheap_method.py": 0.4,
    "tests/support/cheap_person.py": 0.3,
}
"""Of the kills; the real method's runs take longest"""
KILLED = {
    "tests/support/tiny.py": "the real method",
    "tests/support/cheap_method.py": "networks of one weight",
    "tests/support/cheap_person.py": "the same, answered by a person",
}
SAID = {
    "SIGKILL": "nothing; the next start says `going on after step N`",
    "SIGTERM": "`Stopped by SIGTERM ...; the same command goes on`",
}
COUNTED = re.compile(r"(.*): ([0-9]+) inputs, ([0-9]+) refused, ([0-9]+) findings")
"""A line of `tools/fuzz.py`: reader and counts"""
RANDOM, READERS = "Killed at random", "Fuzzing"


class Row(NamedTuple):
    """A fault, how often it was tried, and how often that ended as it should."""

    section: str
    what: str
    cases: int
    survived: int
    ends: str
    seen: str


def main() -> None:
    """Do it all, and write what came of it."""
    given = arguments()
    given.workdir.mkdir(parents=True, exist_ok=True)
    # Before results/kills.csv is written, which changes the working tree.
    source = revision(Path(__file__).parents[1]) or "unknown"
    started = time.monotonic()
    rows = [*killed(given), *tested(given.workdir), *fuzzed(given)]
    minutes = (time.monotonic() - started) / 60
    write_atomically(given.out / "reliability.md", page(rows, given, source, minutes).encode())
    for row in rows:
        if row.survived < row.cases:
            print(f"{row.section}: {row.what}: {row.survived} of {row.cases}", file=sys.stderr)
    sys.exit(int(any(row.survived < row.cases for row in rows)))


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=100, help="at random moments")
    parser.add_argument("--minutes", type=float, default=10.0, help="of fuzzing")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workdir", type=Path, required=True, help="where the runs lie")
    parser.add_argument("--out", type=Path, default=Path("results"), help="where the table goes")
    return parser.parse_args()


def killed(given: argparse.Namespace) -> Iterator[Row]:
    """Kill runs of each configuration at random."""
    head, found = [], []
    for config, share in SHARES.items():
        name, kills = Path(config).stem, round(share * given.kills)
        out = given.workdir / f"{name}.csv"
        out.unlink(missing_ok=True)
        command = [sys.executable, "-m", "tools.torture", f"--config={config}", f"--out={out}"]
        command += [f"--kills={kills}", f"--seed={given.seed}"]
        subprocess.run([*command, f"--workdir={given.workdir / name}"], check=False)
        with out.open() as file:
            head, *rows = csv.reader(file)
        found += [[config, str(given.seed), *row] for row in rows]
        yield from by_signal(config, [dict(zip(head, row, strict=True)) for row in rows])
    with (given.out / "kills.csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([["config", "seed", *head], *found])


def by_signal(config: str, kills: Sequence[Mapping[str, str]]) -> Iterator[Row]:
    """A row for each signal, and where it has hit."""
    for signal, said in SAID.items():
        of_signal = [kill for kill in kills if kill["signal"] == signal]
        stages = Counter(kill["stage"] for kill in of_signal).most_common()
        where = ", ".join(f"{stage} {count}" for stage, count in stages)
        survived = sum(kill["outcome"] == "same bits" for kill in of_signal)
        what = f"{signal}, {KILLED[config]} (`{config}`): {where}"
        yield Row(RANDOM, what, len(of_signal), survived, GOES_ON, said)


def tested(workdir: Path) -> list[Row]:
    """Run the tests of all faults."""
    report = workdir / "tests.xml"
    nodes = dict.fromkeys(node(test) for fault in FAULTS for test in fault.tests)
    command = [sys.executable, "-m", "pytest", "-q", "-o", "junit_family=xunit1"]
    subprocess.run([*command, f"--junitxml={report}", *nodes], check=False)
    cases = list(ElementTree.parse(report).iter("testcase"))
    return [of_fault(fault, cases) for fault in FAULTS]


def node(test: str) -> str:
    """A test of `tests/support/faults.py` as pytest calls it."""
    file, function = test.split()
    return f"tests/{file}::test_{function}"


def of_fault(fault: Fault, cases: Sequence[ElementTree.Element]) -> Row:
    """The row of a fault, from the results of all tests; a test may have several cases in it."""
    tried = survived = 0
    for test in fault.tests:
        results = [case for case in cases if called(case) == node(test)]
        if not results:
            raise SystemExit(f"error: tests/support/faults.py names {node(test)}, which no test is")
        for case in results:
            if case.find("skipped") is not None:
                continue
            inside = case.find("properties/property[@name='cases']")
            count = 1 if inside is None else int(inside.get("value", "1"))
            tried += count
            survived += count if case.find("failure") is case.find("error") is None else 0
    return Row(fault.section, fault.what, tried, survived, fault.ends, fault.seen)


def called(case: ElementTree.Element) -> str:
    """A test's file and name, without its parameters."""
    name = case.get("name", "").partition("[")[0]
    return f"{case.get('classname', '').replace('.', '/')}.py::{name}"


def fuzzed(given: argparse.Namespace) -> Iterator[Row]:
    """Feed the readers of files."""
    command = [sys.executable, "-m", "tools.fuzz", f"--minutes={given.minutes}"]
    command += [f"--seed={given.seed}", f"--out={given.workdir / 'findings'}"]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    maker, *lines = done.stdout.splitlines()
    for found in filter(None, map(COUNTED.fullmatch, lines)):
        inputs, refused, findings = map(int, found.groups()[1:])
        what = f"{found[1]} ({maker}, {refused} were refused)"
        yield Row(READERS, what, inputs, inputs - findings, "no error but our own", "one line")


def page(rows: Sequence[Row], given: argparse.Namespace, source: str, minutes: float) -> str:
    """The tables in Markdown."""
    libraries = ("jax", "orbax-checkpoint", "numpy")
    versions = ", ".join(f"{name} {version(name)}" for name in libraries)
    asked = f"--kills={given.kills} --minutes={given.minutes:g} --seed={given.seed}"
    parts = [
        "# What a run survives\n",
        f"Written by `python -m tools.reliability {asked} --workdir=DIR` on "
        f"{time.strftime('%Y-%m-%d')} in {minutes:.0f} minutes on {os.cpu_count()} CPU cores; "
        f"{versions}, source {source}. Every kill is a row of `kills.csv`.\n",
        "*Cases* were tried, *survived* ended as the next column says. "
        "[docs/explanation/reliability.md](../docs/explanation/reliability.md) tells how, what it "
        "found, and what is not covered; "
        "[docs/how_to/recovery.md](../docs/how_to/recovery.md) what a user does.\n",
    ]
    for section in dict.fromkeys(row.section for row in rows):
        parts.append(f"## {section}\n")
        parts.append("| fault | cases | survived | what becomes of it | what the user sees |")
        parts.append("|---|---:|---:|---|---|")
        for row in rows:
            if row.section == section:
                parts.append(
                    f"| {row.what} | {row.cases} | {row.survived} | {row.ends} | {row.seen} |"
                )
        parts.append("")
    return "\n".join(parts)


if __name__ == "__main__":
    main()
