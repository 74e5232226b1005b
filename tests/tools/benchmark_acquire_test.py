"""The benchmark of scoring compares every acquisition function with the forward pass."""

import csv
import os
import subprocess
import sys
from pathlib import Path

from s4al_jax.acquisition.registry import ACQUISITIONS
from tests.support.flags import ONE_DEVICE

ROOT = Path(__file__).parents[2]


def test_rows_say_what_an_acquisition_function_costs_and_what_the_host_adds(tmp_path: Path) -> None:
    out = tmp_path / "acquire.csv"
    small = ["--config.data.height=48", "--config.data.width=64", "--config.data.name=nowhere"]
    small += ["--config.model.backbone.kwargs.width=0.25", "--config.devices=1"]
    command = [sys.executable, "tools/benchmark_acquire.py", "--config=configs/demo.py", *small]
    command += ["--batches=2,6", "--rounds=2", "--classes=5", f"--out={out}"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu", **ONE_DEVICE}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stderr
    with out.open() as file:
        rows = list(csv.DictReader(file))
    names = ["forward", *ACQUISITIONS]
    assert [(row["program"], row["batch"]) for row in rows[:-2]] == [
        (name, batch) for batch in ("2", "6") for name in names
    ]
    for row in rows:
        assert (row["height"], row["width"], row["compute"]) == ("48", "64", "float32")
        assert 0 < float(row["slowest_round"]) <= float(row["images_per_second"])
        assert float(row["images_per_second"]) <= float(row["fastest_round"])
    for forward, *functions in (rows[: len(names)], rows[len(names) : -2]):
        assert forward["cost_in_forward_passes"] == "1.000" and int(forward["program_mib"]) >= 0
        for row in functions:
            ratio = float(forward["images_per_second"]) / float(row["images_per_second"])
            assert abs(float(row["cost_in_forward_passes"]) / ratio - 1) < 0.01
    host, none = rows[-2:]
    assert (host["program"], none["program"]) == ("entropy, host", "entropy, none")
    rates = {
        row["batch"]: float(row["images_per_second"])
        for row in rows[:-2]
        if row["program"] == "entropy"
    }
    best = max(rates, key=lambda batch: rates[batch])
    assert host["batch"] == none["batch"] == best
    assert f"best batch for entropy: {best}" in done.stdout
    assert host["host_ms_an_image"] and not host["cost_in_forward_passes"]


def test_a_batch_larger_than_the_pictures_there_are_is_refused(tmp_path: Path) -> None:
    command = [sys.executable, "tools/benchmark_acquire.py", "--config=configs/demo.py"]
    command += ["--batches=49", "--config.devices=1"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu", **ONE_DEVICE}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert done.returncode == 1
    assert "error: --batches=49 is more than the 48 images that there are" in done.stderr
