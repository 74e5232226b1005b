"""The panel says the facts that are known, in numbers worked out by hand, and fits."""

import time

from s4al_jax.console.panel import Standing, line, lines

STANDING = Standing(
    doing="training",
    cycle=1,
    cycles=3,
    epoch=34,
    epochs=100,
    phase="replay",
    step=6700,
    cycle_ends=10000,
    steps=20000,
    seconds=0.25,
    images=12,
    metrics={"loss": 1.5, "loss_supervised": 1.25, "eta_classmix": 0.5, "loss_classmix": 0.25},
    miou={"val student": 0.25, "val teacher": 0.5},
    share=0.125,
    bought=80,
    to_buy=40,
)


def test_every_fact_has_its_line() -> None:
    shown = lines(STANDING._replace(since=time.monotonic()), 100, bold=False)
    assert shown == [
        "now       training",
        "cycle     1 (3 in all), epoch 34 of 100, replay",
        # 24 * 6700 / 20000 is 8.04
        "step      6700 of 20000 [########................]",
        "rate      4.00 steps/s, 48.0 images/s",
        # 3300 and 13300 steps of a quarter of a second
        "left      14 min in this cycle, 55 min in all",
        "loss      1.500, supervised 1.250, classmix 0.250",
        "eta       classmix 0.500",
        "mIoU in % val student 25.0, val teacher 50.0",
        "budget    12.50 % labeled, 80 regions bought, 40 still to buy",
    ]


def test_what_is_not_known_yet_has_none() -> None:
    assert lines(Standing(), 80, bold=False) == []
    (only,) = lines(Standing(doing="reading", since=time.monotonic()), 80, bold=False)
    assert only == "now       reading"


def test_what_takes_long_says_for_how_long() -> None:
    (only,) = lines(Standing(doing="scoring", since=time.monotonic() - 42), 80, bold=False)
    assert only == "now       scoring (42 s)"


def test_lines_are_cut_to_the_width_and_labels_are_bold_where_wanted() -> None:
    assert all(len(line) <= 30 for line in lines(STANDING, 30, bold=False))
    bold = lines(STANDING, 30, bold=True)
    assert bold[1] == "\033[1mcycle    \033[0m 1 (3 in all), epoch "
    plain = [text.replace("\033[1m", "").replace("\033[0m", "") for text in bold]
    assert plain == lines(STANDING, 30, bold=False)


def test_an_epoch_is_one_line_elsewhere() -> None:
    said = "cycle 1  epoch 34/100  replay  loss 1.500  4.00 steps/s, 55 min left"
    assert line(STANDING) == said
