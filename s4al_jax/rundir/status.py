"""How far runs are, running or not, read from their directories while they may change."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from rich.table import Table

from s4al_jax.console.format import duration, rate
from s4al_jax.files.atomic import read_json
from s4al_jax.labels.file_annotator import count_answers
from s4al_jax.rundir.heartbeat import INTERVAL_SECONDS, STALE_SECONDS, Beat, read_heartbeat
from s4al_jax.rundir.records import Record, read, rows
from s4al_jax.types import InputError

State = Literal["running", "stale", "waiting for answers", "stopped", "failed", "finished"]

HEAD = ("run", "state", "cycle", "step", "rate", "left", "labeled", "mIoU in %")

_STYLES: Mapping[State, str] = {"running": "green", "stale": "yellow", "failed": "red"}


class Status(NamedTuple):
    """The state of a run; None: not known yet, or not meaningful.

    Attributes:
        name: the name of the run directory.
        state: "stale" is a run whose process has vanished without a word.
        detail: more about the state, such as what is running, or why it failed.
        cycle: the current cycle, from 0, of `cycles`.
        step: the finished steps of the whole run, of `steps`.
        seconds_per_step: of a run that is running.
        labeled_share: the share of the pool's pixels that was annotated.
        miou: a split, and the last mIoU (0 to 1) on it of the network that counts.
    """

    name: str
    state: State
    detail: str
    cycle: int
    cycles: int
    step: int
    steps: int
    seconds_per_step: float | None
    labeled_share: float | None
    miou: tuple[str, float] | None


def read_status(workdir: Path) -> Status:
    """Read a run directory as it is now; nothing in it is changed or locked."""
    record, beat = read(workdir), read_heartbeat(workdir)
    journal = rows(workdir)
    cycle = journal[-1]["cycle"] if journal else 0
    step = journal[-1]["number"] if journal else 0
    running = _running(beat)
    if running and beat:  # which knows of more than the last row of the journal
        cycle, step = max(cycle, beat.cycle or 0), max(step, beat.step or 0)
    state, detail = running or _resting(record, journal, beat)
    return Status(
        name=workdir.resolve().name,
        state=state,
        detail=detail,
        cycle=cycle,
        cycles=record.planned_cycles,
        step=step,
        steps=record.planned_steps,
        seconds_per_step=beat.seconds_per_step if running and beat else None,
        labeled_share=_labeled_share(record),
        miou=_last_miou(journal),
    )


def _running(beat: Beat | None) -> tuple[State, str] | None:
    if beat is None or beat.error or beat.age() > STALE_SECONDS:
        return None
    detail = ", ".join([*([beat.doing] if beat.doing else []), _process(beat)])
    if beat.age() > 3 * INTERVAL_SECONDS:
        detail += f", last heartbeat {duration(beat.age())} ago"
    return "running", detail


def _resting(
    record: Record, journal: Sequence[Mapping[str, Any]], beat: Beat | None
) -> tuple[State, str]:
    """The state of a run that no process works at."""
    path, kept = record.path, _last_checkpoint(record.path)
    if record.is_finished and (record.pool_is_labeled or kept == record.planned_steps):
        return "finished", ""
    if found := read_json(path / "nonfinite.json"):
        step = f", step {found['step']}" if found["step"] is not None else ", in its scores"
        return "failed", f"not a number in cycle {found['cycle']}{step}"
    if beat and beat.error:
        return "failed", beat.error
    goes_on = f"goes on after step {kept}" if kept else "goes on from the start"
    requests = sorted(path.glob("requests/[0-9]*/requests.json"))
    if requests:
        folder = requests[-1].parent
        begun = journal and journal[-1]["cycle"] >= int(folder.name)
        if not begun and not (path / "cycles" / folder.name / "given_up.json").exists():
            there, wanted = count_answers(folder)
            if there < wanted:
                return "waiting for answers", f"{there} of {wanted} are there"
            goes_on = f"goes on with all {wanted} answers"
    if beat:
        since = f"{beat.time.astimezone():%Y-%m-%d %H:%M:%S}"
        return "stale", f"no heartbeat since {since} of {_process(beat)}, {goes_on}"
    return "stopped", goes_on


def _process(beat: Beat) -> str:
    return f"process {beat.pid} on {beat.host}"


def _last_checkpoint(path: Path) -> int:
    """The step of the newest checkpoint; one that is not whole has another kind of name."""
    numbers = [int(one.name) for one in path.glob("checkpoints/*") if one.name.isdecimal()]
    return max(numbers, default=0)


def _labeled_share(record: Record) -> float | None:
    if record.splits is None:
        return None
    cost = sum(row["cost"] for row in rows(record.path, "annotations/ledger.jsonl"))
    return cost / record.description["budget"]["pool_pixels"]


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
    seconds = of.seconds_per_step
    return (
        of.name,
        f"{of.state}: {of.detail}" if of.detail else of.state,
        f"{of.cycle} ({of.cycles} in all)",
        f"{of.step} of {of.steps}",
        "" if seconds is None else rate(seconds),
        "" if seconds is None else duration((of.steps - of.step) * seconds),
        "" if of.labeled_share is None else f"{100 * of.labeled_share:.2f} %",
        "" if of.miou is None else f"{100 * of.miou[1]:.1f} ({of.miou[0]})",
    )


def status_table(workdirs: Sequence[Path]) -> tuple[Table, list[str]]:
    """A row for each run, and a sentence for each directory that is not one of a run."""
    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="bold")
    for name in HEAD:
        table.add_column(name, no_wrap=name != "state", min_width=16 if name == "state" else None)
    errors = []
    for workdir in workdirs:
        try:
            found = read_status(workdir)
            table.add_row(*cells(found), style=_STYLES.get(found.state))
        except InputError as error:
            errors.append(str(error))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            errors.append(
                f"{workdir} is not as a run writes it ({error!r}): restore it from a copy"
            )
    return table, errors
