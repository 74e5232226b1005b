"""docs/how_to/own_data.md works as it stands: its commands and its Python, on small files."""

import importlib.util
import json
import re
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from s4al_jax.config import names
from s4al_jax.run.export import export_network
from tests.conftest import Command, FinishedRun
from tests.support import ways_in
from tests.support.small_datasets import data_science_bowl, own_folder, pixels

PAGE = (Path(__file__).parents[2] / "docs/how_to/own_data.md").read_text("utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", PAGE, re.S)
WRITERS = {
    "voc": ways_in.voc_folders,
    "coco": ways_in.coco_folder,
    "csv": ways_in.csv_table,
    "label_studio": ways_in.label_studio_export,
    "parquet": ways_in.parquet_files,
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, in which somebody types what the page says."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lines(wanted: str) -> list[list[str]]:
    """The commands of the block that ends by checking so."""
    blocks = [block.strip().splitlines() for block in BLOCKS]
    (found,) = [block for block in blocks if f"s4al check {wanted}" in block[-1]]
    return [shlex.split(line)[1:] for line in found]


@pytest.mark.parametrize("name", WRITERS)
def test_the_command_of_each_way_in_finds_nothing_wrong(
    name: str, home: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    if name == "parquet":
        pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    (words,) = lines(name)
    root = Path(next(word for word in words if "data.root=" in word).partition("=")[2])
    WRITERS[name](home / (root.parent if root.suffix else root), 8)
    assert command(*words) == 0, capsys.readouterr()
    said = capsys.readouterr().out
    assert "No errors." in said and "8" in said
    assert name in names.names()


def test_the_commands_for_films_lead_to_a_folder(
    home: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    if importlib.util.find_spec("av") is None:
        pytest.skip("PyAV is not installed: pip install 's4al_jax[video]'")
    from tests.data.video_test import film

    film(home / "film.mov").rename(home / "film.mp4")
    first, second = lines("folder --config.data.root=trip")
    assert command(*first) == 0, capsys.readouterr()
    (home / "trip/classes.txt").write_text("earth\nsky\n")
    assert command(*second) == 0, capsys.readouterr()
    assert "No errors." in capsys.readouterr().out
    assert len(list((home / "trip/images/film").iterdir())) == 3


def test_the_bowl_is_read_with_the_class_list_that_the_page_writes(
    home: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    data_science_bowl(home / "stage1_train")
    (block,) = [block for block in BLOCKS if "stage1_train" in block]
    first, second = block.strip().splitlines()
    subprocess.run(first, shell=True, check=True)
    assert command(*shlex.split(second)[1:]) == 0, capsys.readouterr()
    said = capsys.readouterr().out
    assert "No errors." in said and "| 0 | background |" in re.sub(" +", " ", said)


def test_the_command_for_bands_finds_nothing_wrong(
    home: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    tifffile = pytest.importorskip("tifffile", reason="s4al_jax[tiff] is not installed")
    (home / "fields").mkdir()
    own_folder(home / "fields", 4)
    rng = np.random.default_rng(0)
    for path in sorted((home / "fields/images").iterdir()):
        bands = rng.integers(0, 4096, (6, *pixels(path).shape[:2])).astype(np.uint16)
        tifffile.imwrite(path.with_suffix(".tif"), bands, photometric="minisblack")
        path.unlink()
    (words,) = lines("folder --config.data.root=fields")
    assert command(*words) == 0, capsys.readouterr()
    said = capsys.readouterr().out
    assert "No errors." in said and "value_range" not in said
    without = [word for word in words if "value_range" not in word]
    assert command(*without) == 0 and "suspicion: pictures of 16 bits" in capsys.readouterr().out


def test_the_command_for_large_images_slides_over_a_tiff(
    straight: FinishedRun, home: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    tifffile = pytest.importorskip("tifffile", reason="tifffile is not installed")
    (block,) = [block for block in BLOCKS if "s4al predict" in block]
    export_network(straight.experiment, straight.workdir, home / "models/scans")
    about = json.loads((home / "models/scans/model.json").read_text())
    about["input"]["fit"] = "tile"
    (home / "models/scans/model.json").write_text(json.dumps(about))
    (home / "scans").mkdir()
    picture = np.random.default_rng(0).integers(0, 256, (100, 130, 3), np.uint8)
    tifffile.imwrite(home / "scans/a.tif", picture, photometric="rgb", tile=(32, 32))
    assert command(*shlex.split(block)[1:]) == 0, capsys.readouterr()
    assert pixels(home / "seen/labels/a.png").shape == (100, 130)


def test_arrays_become_masks_in_two_lines_and_what_does_not_fit_is_no_mask(
    home: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    own_folder(home, 1)
    grid = np.arange(12).reshape(3, 4)
    writers = (
        lambda numbers: scipy.io.savemat("a.mat", {"labels": numbers}),
        lambda numbers: np.save("b.npy", numbers),
        lambda numbers: np.savetxt("c.txt", numbers, fmt="%d"),
    )
    snippets = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    for name, write, snippet in zip("abc", writers, snippets, strict=True):
        write(grid)
        exec(snippet, {})
        np.testing.assert_array_equal(pixels(home / f"masks/{name}.png"), grid)
        write(grid + 250)
        with pytest.raises((OverflowError, ValueError)):
            exec(snippet, {})
