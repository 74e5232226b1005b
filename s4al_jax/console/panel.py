"""The progress of a run as facts, and how these look: as one line, or as the rows of a panel."""

import time
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from rich.console import RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table

from s4al_jax.console.format import duration, rate, rate_and_time_left

_LABEL_COLUMNS = 9
_BAR_COLUMNS = 24


class RunProgress(NamedTuple):
    """Facts about a run, as far as they are known; None, 0 or empty where they are not.

    Attributes:
        doing: what the run does now, such as "training".
        doing_since: when it began to, by `time.monotonic`.
        cycle: the current cycle, from 0, of `cycles`.
        epoch: the finished epochs of this cycle, of `epochs`.
        stage: the stage of the last epoch.
        step: the finished steps of the whole run, of `steps`.
        cycle_end_step: `step` at the end of this cycle.
        seconds_per_step: over the last epoch.
        images_per_step: the images that a step learns from.
        metrics: means over the last epoch, by name.
        miou: the last mIoU, from 0 to 1, by split and network.
        labeled_share: the share of the pool's pixels that are labeled.
        regions_labeled: the regions that were annotated after a selection.
        regions_to_label: those that later selections are expected to add.
    """

    doing: str = ""
    doing_since: float = 0.0
    cycle: int | None = None
    cycles: int = 0
    epoch: int = 0
    epochs: int = 0
    stage: str = ""
    step: int = 0
    cycle_end_step: int = 0
    steps: int = 0
    seconds_per_step: float | None = None
    images_per_step: int = 0
    metrics: Mapping[str, float] = {}
    miou: Mapping[str, float] = {}
    labeled_share: float | None = None
    regions_labeled: int = 0
    regions_to_label: int = 0


def epoch_line(progress: RunProgress) -> str:
    """The last epoch as one line, for a file or a pipe."""
    left = progress.steps - progress.step
    return (
        f"cycle {progress.cycle}  epoch {progress.epoch}/{progress.epochs}  {progress.stage}  "
        f"loss {progress.metrics.get('loss', float('nan')):.3f}  "
        f"{rate_and_time_left(progress.seconds_per_step or 0.0, left)}"
    )


def panel(progress: RunProgress) -> Table:
    """A row for each kind of fact that is known."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(style="bold", min_width=_LABEL_COLUMNS, no_wrap=True)
    grid.add_column(no_wrap=True, overflow="crop")
    for label, value in _rows(progress):
        grid.add_row(label, value)
    return grid


def _rows(progress: RunProgress) -> Iterator[tuple[str, RenderableType]]:
    at = progress
    if at.doing:
        yield "now", _doing(at)
    if at.cycle is not None:
        stage = f", {at.stage}" if at.stage else ""
        yield "cycle", f"{at.cycle} ({at.cycles} in all), epoch {at.epoch} of {at.epochs}{stage}"
        yield "step", _bar(at.step, at.steps)
    if at.seconds_per_step is not None:
        images = at.images_per_step / max(at.seconds_per_step, 1e-9)
        yield "rate", f"{rate(at.seconds_per_step)}, {images:.1f} images/s"
        ends = (at.cycle_end_step, at.steps)
        cycle, run = (duration((end - at.step) * at.seconds_per_step) for end in ends)
        yield "left", f"{cycle} in this cycle, {run} in all"
    for label in ("loss", "eta"):
        values = {name: value for name, value in at.metrics.items() if name.startswith(label)}
        if values:
            yield label, _listing(values, prefix=label)
    if at.miou:
        percent = {name: 100 * value for name, value in at.miou.items()}
        yield "mIoU in %", _listing(percent, decimals=1)
    if at.labeled_share is not None:
        regions = f"{at.regions_labeled} regions annotated, {at.regions_to_label} to go"
        yield "budget", f"{100 * at.labeled_share:.2f} % labeled, {regions}"


def _doing(progress: RunProgress) -> str:
    seconds = time.monotonic() - progress.doing_since
    return progress.doing if seconds < 2 else f"{progress.doing} ({duration(seconds)})"


def _bar(done: int, total: int) -> Table:
    """`6700 of 20000` and a bar, which gives way where the terminal is narrow."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(max_width=_BAR_COLUMNS)
    grid.add_row(f"{done} of {total}", ProgressBar(max(total, 1), done))
    return grid


def _listing(values: Mapping[str, float], *, prefix: str = "", decimals: int = 3) -> str:
    """`0.532, supervised 0.410`: the label of the row is left out of the names."""
    return ", ".join(
        f"{name.removeprefix(prefix).removeprefix('_')} {value:.{decimals}f}".strip()
        for name, value in values.items()
    )
