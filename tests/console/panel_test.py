"""The panel shows the facts that are known, in numbers worked out by hand, and fits."""

import io
import time

import pytest
from rich.console import Console

from s4al_jax.console.panel import RunProgress, epoch_line, panel

PROGRESS = RunProgress(
    doing="training",
    cycle=1,
    cycles=3,
    epoch=34,
    epochs=100,
    stage="replay",
    step=6700,
    cycle_end_step=10000,
    steps=20000,
    seconds_per_step=0.25,
    images_per_step=12,
    metrics={"loss": 1.5, "loss_supervised": 1.25, "eta_classmix": 0.5, "loss_classmix": 0.25},
    miou={"val student": 0.25, "val teacher": 0.5},
    labeled_share=0.125,
    regions_labeled=80,
    regions_to_label=40,
)


def lines(progress: RunProgress, columns: int = 100, *, styles: bool = False) -> list[str]:
    """The panel as a terminal of so many columns shows it."""
    console = Console(
        file=io.StringIO(),
        width=columns,
        force_terminal=True,
        color_system="standard" if styles else None,
    )
    with console.capture() as shown:
        console.print(panel(progress._replace(doing_since=time.monotonic())))
    return [line.rstrip() for line in shown.get().splitlines()]


def test_every_fact_has_its_line() -> None:
    assert lines(PROGRESS) == [
        "now       training",
        "cycle     1 (3 in all), epoch 34 of 100, replay",
        # 24 * 6700 / 20000 is 8.04
        "step      6700 of 20000 ━━━━━━━━",
        "rate      4.00 steps/s, 48.0 images/s",
        # 3300 and 13300 steps of a quarter of a second
        "left      14 min in this cycle, 55 min in all",
        "loss      1.500, supervised 1.250, classmix 0.250",
        "eta       classmix 0.500",
        "mIoU in % val student 25.0, val teacher 50.0",
        "budget    12.50 % labeled, 80 regions annotated, 40 to go",
    ]


def test_what_is_not_known_yet_has_no_line() -> None:
    assert "".join(lines(RunProgress())) == ""
    assert lines(RunProgress(doing="reading")) == ["now       reading"]


def test_what_takes_long_says_for_how_long(monkeypatch: pytest.MonkeyPatch) -> None:
    started = time.monotonic()
    shown = panel(RunProgress(doing="scoring", doing_since=started - 42))
    assert list(shown.columns[1].cells) == ["scoring (42 s)"]


@pytest.mark.parametrize("columns", [40, 60])
def test_lines_are_cut_to_the_width_and_labels_stay_whole(columns: int) -> None:
    shown, whole = lines(PROGRESS, columns), lines(PROGRESS)
    assert len(shown) == len(whole)
    for line, uncut in zip(shown, whole, strict=True):
        if "step" not in uncut[:4]:  # the bar shrinks instead
            assert line == uncut[:columns].rstrip()
    assert len(shown[2]) <= columns and shown[2].startswith("step      6700 of 20000 ━━")


def test_labels_are_bold_and_the_rest_of_the_bar_is_drawn_where_there_are_styles() -> None:
    styled = lines(PROGRESS, styles=True)
    assert all(line.startswith("\033[1m") for line in styled)
    assert sum(styled[2].count(piece) for piece in "━╸╺") == 24


def test_an_epoch_is_one_line_elsewhere() -> None:
    line = "cycle 1  epoch 34/100  replay  loss 1.500  4.00 steps/s, 55 min left"
    assert epoch_line(PROGRESS) == line
