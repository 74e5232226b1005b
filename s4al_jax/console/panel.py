"""What a person who waits sees of a run: where it stands, as facts, and as lines of a panel."""

import time
from collections.abc import Mapping
from typing import NamedTuple

from s4al_jax.console.format import duration, rate, rate_and_time_left

_LABEL = 9
_BOLD, _PLAIN = "\033[1m", "\033[0m"


class Standing(NamedTuple):
    """Facts of a run as far as they are known by now; None and empty: not yet."""

    doing: str = ""
    since: float = 0.0
    """when that began, by `time.monotonic`"""
    cycle: int | None = None
    cycles: int = 0
    epoch: int = 0
    """epochs of this cycle that are over"""
    epochs: int = 0
    phase: str = ""
    step: int = 0
    """steps of the whole run that are done"""
    cycle_ends: int = 0
    """the steps of the whole run at the end of this cycle"""
    steps: int = 0
    seconds: float | None = None
    """of a step, over the last epoch"""
    images: int = 0
    """that a step learns from"""
    metrics: Mapping[str, float] = {}
    """means over the last epoch"""
    miou: Mapping[str, float] = {}
    """split and network -> the last one measured, from 0 to 1"""
    share: float | None = None
    """of the pool's pixels that is labeled"""
    bought: int = 0
    to_buy: int = 0
    """regions that later questions are expected to buy"""


def line(standing: Standing) -> str:
    """An epoch in one line, for a file or a pipe."""
    at = standing
    rest = rate_and_time_left(at.seconds or 0.0, at.steps - at.step)
    return (
        f"cycle {at.cycle}  epoch {at.epoch}/{at.epochs}  {at.phase}  "
        f"loss {at.metrics.get('loss', float('nan')):.3f}  {rest}"
    )


def lines(standing: Standing, columns: int, *, bold: bool) -> list[str]:
    """A line for each kind of fact that is known, cut to so many columns; labels may be bold."""
    on, off = (_BOLD, _PLAIN) if bold else ("", "")
    found = []
    for label, text in _rows(standing):
        whole = f"{label:<{_LABEL}} {text}"[:columns]
        found.append(f"{on}{whole[:_LABEL]}{off}{whole[_LABEL:]}")
    return found


def _rows(at: Standing) -> list[tuple[str, str]]:
    rows = [("now", _now(at))] if at.doing else []
    if at.cycle is not None:
        epoch = f"epoch {at.epoch} of {at.epochs}" + f", {at.phase}" * bool(at.phase)
        rows.append(("cycle", f"{at.cycle} ({at.cycles} in all), {epoch}"))
        rows.append(("step", f"{at.step} of {at.steps} {_bar(at.step, at.steps)}"))
    if at.seconds is not None:
        speed = f"{rate(at.seconds)}, {at.images / max(at.seconds, 1e-9):.1f} images/s"
        cycle, run = ((end - at.step) * at.seconds for end in (at.cycle_ends, at.steps))
        rows.append(("rate", speed))
        rows.append(("left", f"{duration(cycle)} in this cycle, {duration(run)} in all"))
    losses = {name: value for name, value in at.metrics.items() if name.startswith("loss")}
    trust = {name: value for name, value in at.metrics.items() if name.startswith("eta")}
    for label, values in (("loss", losses), ("eta", trust)):
        if values:
            rows.append((label, _listed(values, prefix=label)))
    if at.miou:
        rows.append(("mIoU in %", _listed({k: 100 * v for k, v in at.miou.items()}, places=1)))
    if at.share is not None:
        bought = f"{at.bought} regions bought, {at.to_buy} still to buy"
        rows.append(("budget", f"{100 * at.share:.2f} % labeled, {bought}"))
    return rows


def _now(at: Standing) -> str:
    waited = time.monotonic() - at.since
    return at.doing if waited < 2 else f"{at.doing} ({duration(waited)})"


def _bar(done: int, total: int, width: int = 24) -> str:
    filled = width * done // max(total, 1)
    return f"[{'#' * filled}{'.' * (width - filled)}]"


def _listed(values: Mapping[str, float], *, prefix: str = "", places: int = 3) -> str:
    """`0.532, supervised 0.410`: a name that is the prefix alone is left out, it is the label."""
    return ", ".join(
        f"{name.removeprefix(prefix).removeprefix('_')} {value:.{places}f}".strip()
        for name, value in values.items()
    )
