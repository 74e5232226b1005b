"""`s4al status` prints the table of runs, once or until Ctrl-C, and starts without JAX."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import Command
from tests.support.screen_reader import PseudoTerminal, Screen
from tests.support.small_runs import annotate, small_run

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Two cycles that are measured; a whole image and two cells of four images are paid for."""
    path = small_run(tmp_path / "run", 0.4, 0.5)
    annotate(path)
    return path


def test_it_prints_the_table_and_ends_with_1_for_what_is_no_run(
    run: Path, tmp_path: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("status", run) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert head.split()[:3] == ["run", "state", "cycle"]
    share = (48 * 64 + 2 * 12 * 16) / (4 * 48 * 64)
    assert head.index("labeled") == row.index(f"{100 * share:.2f} %")
    assert command("status", run, tmp_path) == 1
    said = capsys.readouterr()
    assert said.out.splitlines() == [head, row]
    assert said.err == (
        f"error: {tmp_path}/config.json: No such file or directory; is this the directory of a "
        "run?\n"
    )


def test_it_starts_without_jax_and_watches_until_ctrl_c(run: Path) -> None:
    code = (
        "import os, signal, sys\n"
        # Whoever is started in the background of a script would not hear it.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "os.open(os.ttyname(0), os.O_RDWR)\n"  # makes it this process's own terminal
        "from s4al_jax.cli.main import main\n"
        f"code = main(['status', {str(run)!r}, '--watch=0.05'])\n"
        "print('jax' in sys.modules)\n"
        "sys.exit(code)\n"
    )
    terminal = PseudoTerminal(columns=160)
    # Where tests run side by side, they are told a width that is not this terminal's.
    environment = {name: text for name, text in os.environ.items() if name != "COLUMNS"}
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=terminal.out,
        stdout=terminal.out,
        stderr=terminal.out,
        start_new_session=True,
        cwd=ROOT,
        env={**environment, "TERM": "xterm"},
    )
    end = time.monotonic() + 60
    while process.poll() is None and terminal.text.count("stopped: goes on") < 2:
        assert time.monotonic() < end, terminal.text
        time.sleep(0.02)
    os.write(terminal.master, b"\x03")
    assert process.wait(60) == 0, terminal.text
    screen = Screen(160)
    screen.feed(terminal.close())
    head, row, jax = list(filter(None, screen.rows))[:3]
    assert head.startswith("run  state") and row.startswith("run  stopped") and jax == "False"
