"""Two processes do one run as one process does it; one that is left alone says so and ends."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from ml_collections import ConfigDict

from s4al_jax.run import build
from s4al_jax.rundir import views
from s4al_jax.runtime import signals
from tests.conftest import CACHE
from tests.support import cheap_method, tiny
from tests.support.flags import ONE_DEVICE
from tests.support.same_run import arrays

ROOT = Path(__file__).parents[2]
SOON = 60
"""seconds within which a process notices that another one is gone"""
TINY = "--config=tests/support/tiny.py"
CHEAP = ("--config=tests/support/cheap_method.py", "--config.devices=0")
"""Networks of one weight: for what is about processes and not about what they compute."""


class Ended(NamedTuple):
    code: int
    out: str
    err: str


def started(workdir: Path, *flags: str) -> subprocess.Popen[str]:
    """The command on one device."""
    env = os.environ | {
        **ONE_DEVICE,
        "JAX_PLATFORMS": "cpu",
        "JAX_COMPILATION_CACHE_DIR": str(CACHE),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.5",
    }
    command = [sys.executable, "-m", "s4al_jax.main", f"--workdir={workdir}"]
    return subprocess.Popen(
        [*command, *(flags if CHEAP[0] in flags else (TINY, *flags))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=env,
    )


def pair(
    workdir: Path, *, flags: tuple[str, ...] = (), second: tuple[str, ...] = ()
) -> list[subprocess.Popen[str]]:
    """Two processes of one run; `second` are flags that only the second one gets."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        meeting = (f"--coordinator=127.0.0.1:{free.getsockname()[1]}", "--num_processes=2")
    return [
        started(workdir, *flags, *meeting, f"--process_id={process}", *(second * process))
        for process in range(2)
    ]


def ended(processes: list[subprocess.Popen[str]], timeout: float = 400) -> list[Ended]:
    """How they ended; none is left behind."""
    try:
        said = [process.communicate(timeout=timeout) for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [
        Ended(process.returncode, *texts) for process, texts in zip(processes, said, strict=True)
    ]


def finished(processes: list[subprocess.Popen[str]]) -> list[Ended]:
    ends = ended(processes)
    assert [end.code for end in ends] == [0] * len(ends), [end.err[-3000:] for end in ends]
    return ends


def wait_for(happened: Callable[[], bool], processes: list[subprocess.Popen[str]]) -> None:
    deadline = time.monotonic() + 300
    while not happened():
        assert time.monotonic() < deadline and all(p.poll() is None for p in processes)
        time.sleep(0.05)


def ledger(run: Path) -> list[dict]:
    lines = (run / "annotations" / "ledger.jsonl").read_text().splitlines()
    return [{**json.loads(line), "time": ""} for line in lines]


def chosen(run: Path) -> list:
    return json.loads((run / "cycles" / "00" / "chosen.json").read_text())


def last_arrays(run: Path, config: ConfigDict) -> dict[str, np.ndarray]:
    config.devices = 1
    return arrays(run, build.build(config))


def apart(run: Path, other: Path) -> float:
    """How far the last parameters of two runs are from each other at most."""
    one, two = (last_arrays(path, tiny.get_config()) for path in (run, other))
    assert one.keys() == two.keys()
    return max(float(np.abs(one[name] - two[name]).max()) for name in one if "params" in name)


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list[Ended]]]:
    """The run of two processes that nobody disturbs, and how they ended."""
    workdir = tmp_path_factory.mktemp("together") / "run"
    yield workdir, finished(pair(workdir))


def test_two_processes_do_what_one_does(together: tuple[Path, list[Ended]], tmp_path: Path) -> None:
    both, _ = together
    finished([started(tmp_path / "run")])
    assert chosen(both) == chosen(tmp_path / "run") and len(chosen(both)) == 8
    assert ledger(both) == ledger(tmp_path / "run")
    assert apart(both, tmp_path / "run") < 1e-5


def test_the_first_process_alone_writes_and_speaks(together: tuple[Path, list[Ended]]) -> None:
    workdir, (first, second) = together
    assert "The run is finished" in first.out
    assert [line for line in second.out.splitlines() if not line.startswith("[Gloo]")] == []
    assert first.err == second.err == ""
    rows = (workdir / "metrics.jsonl").read_text().splitlines()
    numbers = [row["number"] for row in map(json.loads, rows) if row["kind"] == "train"]
    assert numbers == [2, 4, 6, 8]
    for folder in (workdir / "tensorboard", workdir / "tensorboard" / "images"):
        assert len([path for path in folder.iterdir() if path.is_file()]) == 1
    assert views.read(workdir / "cycles/01/views.npz") and (workdir / "report/index.html").is_file()
    assert json.loads((workdir / "processes.json").read_text())["processes"] == 2


def assert_says_that_it_is_alone(end: Ended) -> None:
    assert end.code != 0
    last = end.err.splitlines()[-1]
    assert last.startswith("error: another process of this run is gone"), end.err
    assert "Start the same command on all hosts again" in last


def test_a_process_that_is_left_alone_says_so_and_the_same_commands_go_on(
    tmp_path: Path,
) -> None:
    run, undisturbed = tmp_path / "run", tmp_path / "undisturbed"
    finished(pair(undisturbed, flags=CHEAP))
    processes = pair(run, flags=CHEAP)
    wait_for((run / "checkpoints" / "2").exists, processes)
    processes[1].send_signal(signal.SIGKILL)
    left, _ = ended(processes, timeout=SOON)
    assert_says_that_it_is_alone(left)
    assert not (run / "cycles" / "01" / "metrics.json").exists()
    first, _ = finished(pair(run, flags=CHEAP))
    assert "going on after step" in first.out
    assert chosen(run) == chosen(undisturbed) and ledger(run) == ledger(undisturbed)
    wanted, got = (last_arrays(path, cheap_method.get_config()) for path in (undisturbed, run))
    for name, array in wanted.items():
        np.testing.assert_array_equal(got[name], array, err_msg=name)


def test_one_process_is_asked_to_stop_and_all_save_and_go_on_to_the_same_bits(
    tmp_path: Path,
) -> None:
    """As a cluster that takes one machine back: its process alone hears the signal."""
    longer = (*CHEAP, "--config.schedule.iterations=20", "--config.schedule.acquisitions=0")
    longer += ("--config.schedule.last_epochs=6", "--config.checkpoint.every_epochs=100")
    longer += ("--config.evaluate.every_epochs=100",)
    run, undisturbed = tmp_path / "run", tmp_path / "undisturbed"
    finished(pair(undisturbed, flags=longer))
    processes = pair(run, flags=longer)
    wait_for((run / "timing.jsonl").exists, processes)  # an epoch is over
    processes[1].send_signal(signal.SIGTERM)
    ends = ended(processes, timeout=signals.PATIENCE_SECONDS)
    said = r"Stopped by SIGTERM after step ([0-9]+) of cycle 0, which is saved; the same command "
    for end in ends:
        assert end.code == 128 + signal.SIGTERM, end.err
        found = re.fullmatch(said + "goes on.", end.err.strip().splitlines()[-1])
        assert found and (run / "checkpoints" / f"{found[1]}.json").exists(), end.err
        assert 20 < int(found[1]) < 120
    first, _ = finished(pair(run, flags=longer))
    assert "going on after step" in first.out
    wanted, got = (last_arrays(path, cheap_method.get_config()) for path in (undisturbed, run))
    for name, array in wanted.items():
        np.testing.assert_array_equal(got[name], array, err_msg=name)
    rows = [(path / "metrics.jsonl").read_text() for path in (run, undisturbed)]
    assert rows[0] == rows[1]


def test_the_others_end_when_the_first_process_is_gone(tmp_path: Path) -> None:
    """It is the one that JAX keeps all others in touch by."""
    processes = pair(tmp_path / "run", flags=CHEAP)
    wait_for((tmp_path / "run" / "splits.json").exists, processes)
    processes[0].send_signal(signal.SIGKILL)
    assert_says_that_it_is_alone(ended(processes, timeout=SOON)[1])


def test_processes_with_other_commands_do_not_begin(tmp_path: Path) -> None:
    for end in ended(pair(tmp_path / "run", second=("--config.seed=1",)), timeout=SOON):
        assert end.code == 1
        assert end.err.splitlines() == [
            "error: the configuration of process 1 differs from that of process 0: give the same "
            "command to all hosts"
        ]
    assert not (tmp_path / "run").exists()
