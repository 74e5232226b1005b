"""run.json says what a run is, and damage to it is named in one line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from s4al_jax.config.comparison import group_options
from s4al_jax.regions.grid import RegionGrid, region_grid, whole_image
from s4al_jax.rundir.region_maps import RegionMaps, write_region_maps
from s4al_jax.rundir.run_json import (
    RUN_JSON,
    read_run_json,
    regions_of,
    write_run_json,
)
from s4al_jax.types import Box, InputError, RegionRef, Schedule
from tests.support.descriptions import dataset, description
from tests.support.stripes import Stripes


def test_what_was_written_is_read_and_says_what_the_run_is(tmp_path: Path) -> None:
    schedule = Schedule(cycles=3, iterations=5, epochs=4, last_epochs=6)
    written = description(options={"seed": 7, "b": [1, 2], "a": None}, schedule=schedule)
    write_run_json(tmp_path, written)
    found = read_run_json(tmp_path)
    assert found == written
    assert found["command"] == "s4al train demo '--workdir=runs/my demo'"
    assert (found["seed"], found["study"]) == (7, {"b": [1, 2], "a": None})
    assert found["name"] == "s4al, entropy, 25 % labeled at the start"
    assert found["dataset"]["images"] == {"train": 4, "val": 0, "test": 1}
    assert found["dataset"]["classes"][1] == {"id": 1, "name": "tree", "color": [0, 128, 0]}
    assert found["regions"] == {"name": "grid", "height": 48, "width": 64} | {
        "cell_height": 12,
        "cell_width": 16,
    }
    assert found["schedule"]["epochs"] == [4, 4, 6]
    assert found["schedule"]["stages"][2] == [
        {"name": "warmup", "epochs": 1, "streams": ["labeled"]},
        {"name": "classmix", "epochs": 5, "streams": ["labeled", "unlabeled"]},
    ]
    # Two cells of 12 x 16 of each of three images after each of two cycles.
    assert found["budget"] == {
        "initial": {"images": 1, "pixels": 48 * 64},
        "cycles": [{"regions": 6, "pixels": 6 * 192}] * 2,
        "pool_pixels": 4 * 48 * 64,
    }


def test_a_study_is_named_for_what_it_does(tmp_path: Path) -> None:
    spec = dataset()
    names = [
        description(spec, regions=whole_image(48, 64), acquisition="margin")["name"],
        description(spec, schedule=Schedule(1, 2, 3, 3), method="supervised")["name"],
        description(spec, initial_images=0)["name"],
    ]
    assert names == [
        "s4al, margin of whole images, 25 % labeled at the start",
        "supervised, 25 % labeled at the start",
        "s4al, entropy, 0 % labeled at the start",
    ]


def remove(name: str) -> Callable[[dict[str, Any]], object]:
    return lambda content: content.pop(name)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (remove("budget"), "budget is missing"),
        (lambda c: c["schedule"].update(epochs=3), "schedule.epochs is 3"),
        (lambda c: c["schedule"]["epochs"].append("4"), r"schedule.epochs\[2\] is '4'"),
        (lambda c: c["dataset"].update(height=True), "dataset.height is True"),
        (lambda c: c["dataset"]["classes"][0].pop("id"), r"dataset.classes\[0\].id is missing"),
        (lambda c: c["dataset"]["images"].update(train=None), "dataset.images.train is None"),
        (lambda c: c["method"].update(confidence_threshold="no"), "confidence_threshold is 'no'"),
        (lambda c: c.update(regions=[]), r"regions is \[\]"),
        (lambda c: c.update(version=2), "is of version 2, this program reads 1"),
    ],
)
def test_a_description_that_no_run_writes_is_named_with_what_is_wrong(
    tmp_path: Path, damage: Callable[[dict[str, Any]], object], reason: str
) -> None:
    content = json.loads(json.dumps(description()))
    damage(content)
    (tmp_path / RUN_JSON).write_text(json.dumps(content))
    with pytest.raises(InputError, match=reason) as refused:
        read_run_json(tmp_path)
    assert str(tmp_path / RUN_JSON) in str(refused.value) and "\n" not in str(refused.value)


def test_a_missing_description_and_one_that_is_none_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"run\.json: No such file .* earlier version"):
        read_run_json(tmp_path)
    (tmp_path / RUN_JSON).write_text("[1]")
    with pytest.raises(InputError, match=r"run\.json is not as a run writes it \(it is \[1\]\)"):
        read_run_json(tmp_path)
    (tmp_path / RUN_JSON).write_text("{")
    with pytest.raises(InputError, match=r"run\.json: not valid JSON"):
        read_run_json(tmp_path)


def test_entries_of_a_later_release_are_left_alone_and_a_whole_number_is_a_number(
    tmp_path: Path,
) -> None:
    content = json.loads(json.dumps(description()))
    content["method"]["confidence_threshold"] = 1
    (tmp_path / RUN_JSON).write_text(json.dumps({**content, "later": 1}))
    assert read_run_json(tmp_path)["method"]["confidence_threshold"] == 1


def test_a_grid_is_known_by_its_numbers(tmp_path: Path) -> None:
    grid = region_grid(50, 70, 12, 16)
    spec = dataset(height=50, width=70)
    found = regions_of(description(spec, regions=grid), tmp_path)
    assert isinstance(found, RegionGrid) and found == grid


def test_an_irregular_partition_is_known_by_the_maps_of_some_images(tmp_path: Path) -> None:
    regions = Stripes(48, 64)
    described = description(regions=regions)
    assert described["regions"] == {"name": "stripes", "height": 48, "width": 64} | {
        "maps": "regions.npz"
    }
    write_region_maps(tmp_path, regions, [0, 3])
    found = regions_of(described, tmp_path)
    assert isinstance(found, RegionMaps) and found.cell_size is None
    assert (found.height, found.width, found.max_regions) == (48, 64, 4)
    for image in (3, 0):
        np.testing.assert_array_equal(found.id_map(image), regions.id_map(image))
        assert found.id_map(image).dtype == np.uint16
    assert (found.count(0), found.count(3)) == (3, 4)
    with pytest.raises(InputError, match=r"regions\.npz cannot be read .*restore it"):
        found.id_map(1)


def test_regions_by_maps_cover_every_pixel_once() -> None:
    regions = Stripes(12, 20)
    for image in range(3):
        refs = [RegionRef(image, region) for region in range(regions.count(image))]
        covered = np.zeros((12, 20), int)
        for ref in refs:
            mask = regions.mask(ref)
            inside = covered[regions.box(ref).slices]
            inside += 1 if mask is None else mask
        assert (covered == 1).all()
        assert regions.costs(image).sum() == 12 * 20
        everything = regions.overlapping(image, Box(0, 0, 12, 20), None)
        assert everything.tolist() == list(range(regions.count(image)))
        first = refs[0]
        alone = regions.overlapping(image, regions.box(first), regions.mask(first))
        assert alone.tolist() == [0]
    with pytest.raises(InputError, match="image 0 has no region 3"):
        regions.box(RegionRef(0, 3))
    assert (regions.title(refs[1]), regions.stem(refs[1])) == ("region 1", "r00001")


def test_a_region_that_is_all_of_its_box_has_no_mask(tmp_path: Path) -> None:
    halves = Stripes(4, 6)
    halves._map = lambda image: np.repeat([0, 1], 3)[None].repeat(4, axis=0).astype(np.uint16)
    assert halves.box(RegionRef(0, 1)) == Box(0, 3, 4, 6)
    assert halves.mask(RegionRef(0, 1)) is None


def test_options_are_grouped_for_comparisons() -> None:
    options = {
        "seed": 3,
        "devices": 2,
        "data.name": "camvid",
        "data.root": "/here",
        "model.pretrained": "/here/weights.pth",
        "model.remat": False,
        "method.name": "s4al",
    }
    defaults = {**options, "seed": 0, "method.name": "supervised"}
    groups = group_options(options, defaults=defaults, free=("data.root", "devices"))
    assert groups.seed == 3
    model = {"model.pretrained": "weights.pth", "model.remat": False}
    assert groups.setting == {"data.name": "camvid", **model}
    assert groups.study == {"data.name": "camvid", "method.name": "s4al", **model}
    assert groups.changed == {"seed": 3, "method.name": "s4al"}
