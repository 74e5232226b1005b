"""How far runs are, running or not, read from their directories while they may change."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from s4al_jax.console.format import duration, rate
from s4al_jax.files.atomic import read_json
from s4al_jax.input.schedule import Schedule
from s4al_jax.labels.file_annotator import answered
from s4al_jax.rundir.lock_holder import Holder, holder
from s4al_jax.rundir.records import Record, read, rows, schedule
from s4al_jax.types import InputError

HEAD = ("run", "state", "cycle", "step", "rate", "left", "labeled", "mIoU in %")


class Status(NamedTuple):
    """Where a run stands; None: not known yet, or nothing to say."""

    name: str
    state: str
    cycle: int
    cycles: int
    step: int
    """steps of the whole run that its journal knows of"""
    steps: int
    seconds: float | None
    """of a step, of a run that is running"""
    share: float | None
    """of the pool's pixels that has been paid for"""
    miou: tuple[str, float] | None
    """split, and the last one measured of the network that counts, from 0 to 1"""


def status(path: Path) -> Status:
    """Read a run's directory as it is now."""
    record, held = read(path), holder(path / "lock")
    planned, journal = schedule(record.options), rows(path)
    step = journal[-1]["number"] if journal else 0
    timing = rows(path, "timing.jsonl")
    running = _running(held)
    return Status(
        name=path.resolve().name,
        state=running or _resting(record, planned, journal),
        cycle=journal[-1]["cycle"] if journal else 0,
        cycles=planned.cycles,
        step=step,
        steps=planned.total_steps,
        seconds=timing[-1]["seconds_per_step"] if timing and running else None,
        share=_share(record),
        miou=_last_miou(journal),
    )


def _running(held: Holder | None) -> str:
    if held is None:
        return ""
    if held.pid is not None:
        return f"running here, process {held.pid}"
    return f"running on {held.host}" if held.host else "running elsewhere"


def _resting(record: Record, planned: Schedule, journal: Sequence[Mapping[str, Any]]) -> str:
    """The state of a run that nobody works at."""
    path, kept = record.path, _kept(record.path)
    if record.dry or (len(record.cycles) == planned.cycles and kept == planned.total_steps):
        return "finished"
    if found := read_json(path / "nonfinite.json"):
        step = f", step {found['step']}" if found["step"] is not None else ", in its scores"
        return f"failed: not a number in cycle {found['cycle']}{step}"
    goes_on = f"goes on after step {kept}" if kept else "goes on from the start"
    asked = sorted(path.glob("requests/[0-9]*/requests.json"))
    if asked:
        folder = asked[-1].parent
        begun = journal and journal[-1]["cycle"] >= int(folder.name)
        if not begun and not (path / "cycles" / folder.name / "given_up.json").exists():
            there, wanted = answered(folder)
            if there < wanted:
                return f"waiting for answers, {there} of {wanted} are there"
            return f"stopped, goes on with all {wanted} answers"
    return f"stopped, {goes_on}"


def _kept(path: Path) -> int:
    """The step of the newest checkpoint; one that is not whole has another kind of name."""
    numbers = [int(one.name) for one in path.glob("checkpoints/*") if one.name.isdecimal()]
    return max(numbers, default=0)


def _share(record: Record) -> float | None:
    splits, options = record.splits, record.options
    if splits is None:
        return None
    images = len(splits["train"])
    paid = sum(row["cost"] for row in rows(record.path, "annotations/ledger.jsonl"))
    return paid / (images * options["data.height"] * options["data.width"])


def _last_miou(journal: Sequence[Mapping[str, Any]]) -> tuple[str, float] | None:
    measured: Mapping[str, Any] = next(
        (row for row in reversed(journal) if row["kind"] == "evaluation"), {}
    )
    found: dict[str, float] = {}
    for name, value in measured.items():
        split, _, rest = name.partition("/")
        if rest.endswith("/miou") and value is not None:
            found[split] = value  # the network that counts comes last
    for split in ("test", "val"):
        if split in found:
            return split, found[split]
    return None


def cells(of: Status) -> tuple[str, ...]:
    """A row under `HEAD`."""
    left = None if of.seconds is None else duration((of.steps - of.step) * of.seconds)
    return (
        of.name,
        of.state,
        f"{of.cycle} ({of.cycles} in all)",
        f"{of.step} of {of.steps}",
        "" if of.seconds is None else rate(of.seconds),
        left or "",
        "" if of.share is None else f"{100 * of.share:.2f} %",
        "" if of.miou is None else f"{100 * of.miou[1]:.1f} ({of.miou[0]})",
    )


def table(paths: Sequence[Path]) -> tuple[list[str], list[str]]:
    """A line for each run under a head, and a sentence for each directory that is none."""
    found: list[tuple[str, ...]] = [HEAD]
    errors = []
    for path in paths:
        try:
            found.append(cells(status(path)))
        except InputError as error:
            errors.append(str(error))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            errors.append(f"{path} is not as a run writes it ({error!r}): restore it from a copy")
    widths = [max(map(len, column)) for column in zip(*found, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in found
    ]
    return lines if len(found) > 1 else [], errors
