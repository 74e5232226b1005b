"""The benchmark of a step measures what it says, in turns with a yardstick, without a dataset."""

import csv
import os
import subprocess
import sys
from pathlib import Path

from tests.support.flags import ONE_DEVICE

ROOT = Path(__file__).parents[2]

YARDSTICK = """
import time

class Bench:
    def __init__(self, device, variant, aug, size, classes, batch, width, aspp, low):
        assert (device, aug, size, classes, batch) == ("cpu", "tensor", (48, 64), 5, 2)
        self.seconds = float(variant)

    def step(self):
        time.sleep(self.seconds)

    def sync(self):
        pass
"""


def test_rows_say_how_fast_our_step_and_the_yardstick_s_are(tmp_path: Path) -> None:
    (tmp_path / "yardstick.py").write_text(YARDSTICK)
    out = tmp_path / "step.csv"
    small = ["--config=tests/support/tiny.py", "--config.batch.labeled=2"]
    small += ["--config.batch.unlabeled=2", "--config.devices=1"]
    small += ["--config.method.kwargs.replay=True", "--config.data.name=nowhere"]
    small += ["--config.method.kwargs.warmup_epochs=1", "--config.schedule.last_epochs=4"]
    small += ["--config.method.kwargs.replay_from_cycle=1"]
    command = [sys.executable, "tools/benchmark_step.py", *small]
    command += ["--steps=2", "--blocks=3", "--classes=5"]
    command += [f"--yardstick={tmp_path / 'yardstick.py'}", "--variants=0.05,0.2", f"--out={out}"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu", **ONE_DEVICE}
    for stages, compiling, count in (("warmup,replay", "--nocompile", 4), ("warmup", "", 5)):
        asked = list(filter(None, [*command, f"--stages={stages}", compiling]))
        done = subprocess.run(asked, capture_output=True, text=True, cwd=ROOT, env=environment)
        assert done.returncode == 0, done.stderr
        with out.open() as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == count
    first, ours, quick, slow, last = rows
    assert first["compile_seconds"] == "" and float(last["compile_seconds"]) > 0.0
    assert [row["program"] for row in rows[:4]] == ["s4al_jax", "s4al_jax", "0.05", "0.2"]
    assert [row["stage"] for row in rows[:4]] == ["warmup"] + ["replay"] * 3
    assert (ours["height"], ours["width"], ours["batch"]) == ("48", "64", "2+2")
    assert float(first["gflop"]) < float(ours["gflop"]) and float(ours["step_mib"]) > 1
    assert float(ours["slowest_block"]) <= float(ours["steps_per_second"])
    # sleeping takes at least as long as it should
    assert 0.0 < float(quick["steps_per_second"]) <= 20.0
    assert 0.0 < float(slow["steps_per_second"]) <= 5.0
