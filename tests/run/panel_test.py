"""A run under a real terminal: a panel follows it, lines stay whole, Ctrl-C leaves nothing."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from s4al_jax.run import loop
from tests.run.stages_test import made
from tests.support.flags import ONE_DEVICE
from tests.support.screen_reader import PseudoTerminal, Screen
from tests.support.tiny import tiny_config

UP_TO_A_DRAWING = re.compile(r".*?\033\[\d+A|.+$", re.S)


class Watched(NamedTuple):
    """A run of networks of one weight, as somebody saw it."""

    workdir: Path
    moments: list[tuple[list[str], list[str]]]
    """after each drawing: the lines above, the panel"""
    last: list[str]


def run(workdir: Path) -> None:
    for result in loop.run_cycles(made(tiny_config()), workdir):
        print(loop.summary(result))


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    workdir, pseudo = tmp_path_factory.mktemp("watched") / "run", PseudoTerminal(columns=200)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TERM", "xterm")
        patch.setenv("NO_COLOR", "1")
        patch.setattr(sys, "stdout", pseudo.out)
        run(workdir)
        assert sys.stdout is pseudo.out
    screen, moments = Screen(200), []
    for part in UP_TO_A_DRAWING.findall(pseudo.close()):
        screen.feed(part)
        moments.append((screen.above, screen.below))
    return Watched(workdir, moments, screen.rows)


def shown(watched: Watched, label: str) -> list[str]:
    """All that stood behind a label, one after the other."""
    found = [
        line.removeprefix(label).strip()
        for _, panel in watched.moments
        for line in panel
        if line.startswith(f"{label} ")
    ]
    return [text for text, before in zip(found, ["", *found], strict=False) if text != before]


def test_lines_are_those_of_a_run_into_a_file(
    watched: Watched, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tmp_path / "run")
    plain = capsys.readouterr().out.splitlines()
    assert "\033" not in "".join(plain)
    epochs = [line for line in plain if "steps/s" in line]
    assert len(epochs) == 7 and epochs[0].startswith("cycle 0  epoch 1/3  warmup  loss 1.0")
    assert watched.last == [*(line for line in plain if line not in epochs), ""]


def test_no_line_is_ever_torn(watched: Watched) -> None:
    for above, panel in watched.moments:
        assert above == watched.last[: len(above)]
        assert all(line.startswith(("now ", "cycle ", "step ", *OTHERS)) for line in panel)


OTHERS = ("rate ", "left ", "loss ", "mIoU in % ", "budget ")


def test_the_panel_follows_the_run(watched: Watched) -> None:
    # What takes longer than two seconds says for how long.
    stages = [re.sub(r" \([0-9]+ s\)$", "", text) for text in shown(watched, "now")]
    now = [text for text in dict.fromkeys(stages) if " images read, " not in text]
    assert now == [
        "reading 11 images",
        "training",
        "evaluating",
        "scoring 4 images",
        "choosing regions",
        "asking for 8 regions",
    ]
    assert shown(watched, "cycle")[-1] == "1 (2 in all), epoch 4 of 4, replay"
    steps = [text.rstrip("━╸ ") for text in shown(watched, "step")]
    assert steps == [f"{step} of 14" for step in (0, 2, 4, 6, 8, 10, 12, 14)]
    assert shown(watched, "left")[-1] == "0 s in this cycle, 0 s in all"
    # Two images of six, then two cells of 12 x 16 of each of the other four.
    assert shown(watched, "budget") == [
        "33.33 % labeled, 0 regions annotated, 8 to go",
        "41.67 % labeled, 8 regions annotated, 0 to go",
    ]
    (*_, last) = shown(watched, "mIoU in %")
    assert [name for name in last.split() if name.isalpha()] == [
        *("val", "student", "test", "student", "val", "teacher", "test", "teacher")
    ]


def test_ctrl_c_at_the_terminal_leaves_ordinary_lines_alone(tmp_path: Path) -> None:
    pseudo = PseudoTerminal(columns=200)
    command = (
        "import os; os.open(os.ttyname(0), os.O_RDWR)\n"  # makes it this process's own terminal
        "from s4al_jax import main; main.run()"
    )
    flags = ["--config=tests/support/tiny.py", f"--workdir={tmp_path / 'run'}"]
    process = subprocess.Popen(
        [sys.executable, "-c", command, *flags],
        stdin=pseudo.out,
        stdout=pseudo.out,
        stderr=pseudo.out,
        start_new_session=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "TERM": "xterm", **ONE_DEVICE},
    )
    while process.poll() is None and "training" not in pseudo.text:
        time.sleep(0.02)
    os.write(pseudo.master, b"\x03")
    assert process.wait(100) == 130, pseudo.text
    screen = Screen(200)
    screen.feed(pseudo.close())
    head, *others, empty, said, end = screen.rows
    assert head.startswith("reading 11 images and what is known of them")
    assert said.startswith("Stopped by SIGINT") and "the same command goes on" in said
    assert empty == end == "" and all(line.startswith("cycle 0  epoch ") for line in others)
