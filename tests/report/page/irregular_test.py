"""Regions that are no grid: their outlines and scores are where their pixels are."""

import base64
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from s4al_jax.report.page.html import ASSETS
from s4al_jax.report.page.schema import Page, PictureCycle, Sheet
from s4al_jax.report.page.write import write_page
from s4al_jax.types import RegionRef
from tests.support.irregular_run import (
    CHOSEN,
    HEIGHT,
    OPEN,
    SCORES,
    SHOWN,
    STRIPES,
    WIDTH,
    write_irregular_run,
)


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("irregular")
    spec = write_irregular_run(folder / "run")
    return write_page(folder / "page", [folder / "run"], spec)


def block(page_file: Path, name: str) -> Any:
    text = page_file.read_text("utf-8")
    found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', text, re.S)
    assert found
    return json.loads(found[1])


@pytest.fixture(scope="module")
def page(page_file: Path) -> Page:
    return block(page_file, "contents")


def first_cycle(page: Page, image: int) -> PictureCycle:
    (picture,) = [one for one in page["pictures"] if one["id"] == f"pool-{image}"]
    return picture["cycles"][0]


def covered(path: str) -> np.ndarray:
    """bool `[HEIGHT, WIDTH]`: the pixels whose centers a closed SVG path encloses."""
    inside = np.zeros((HEIGHT, WIDTH), int)
    rows = (np.arange(HEIGHT)[:, None] + 0.5) * 1000 / HEIGHT
    cols = (np.arange(WIDTH) + 0.5) * 1000 / WIDTH
    rings = re.findall("M([^MZ]*)Z", path)
    assert "".join(f"M{ring}Z" for ring in rings) == path
    for ring in rings:
        corners = [tuple(map(float, corner.split())) for corner in ring.split("L")]
        for (x, top), (other, bottom) in zip(corners, [*corners[1:], corners[0]], strict=True):
            if x == other:  # an upright edge: crossed by rays to the right
                inside += (min(top, bottom) < rows) & (rows < max(top, bottom)) & (cols < x)
    return inside % 2 == 1


def test_the_outline_of_each_queried_region_encloses_exactly_its_pixels(page: Page) -> None:
    assert page["boxes"] == []
    for image in SHOWN:
        queried = first_cycle(page, image)["queried"]
        assert queried is not None
        wanted = [region for of, region in CHOSEN if of == image]
        assert queried["chosen"] == wanted and len(queried["outlines"]) == len(wanted)
        for region, path in zip(wanted, queried["outlines"], strict=True):
            mask = STRIPES.id_map(image) == region
            assert 0 < mask.sum() < mask.size
            np.testing.assert_array_equal(covered(path), mask)


def expected_scores(image: int) -> list[float | None]:
    return [
        float(SCORES[image, region]) if OPEN[image, region] else None
        for region in range(STRIPES.count(image))
    ]


def test_each_region_has_its_score_and_an_image_as_many_as_it_has_regions(page: Page) -> None:
    for image in SHOWN:
        queried = first_cycle(page, image)["queried"]
        assert queried and queried["scores"] == pytest.approx(expected_scores(image))
    assert len(expected_scores(0)) == 3
    (last,) = [one for one in page["pictures"] if one["id"] == "pool-1"]
    assert last["cycles"][1]["queried"] is None


def score_map(sheet: Sheet, name: str) -> np.ndarray:
    """uint8 `[HEIGHT, WIDTH, (level, alpha)]` of the picture of an image's scores."""
    uri = sheet[name]["scores"]
    assert uri.startswith("data:image/png;base64,")
    picture = Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))
    return np.array(picture.convert("LA"))


def levels(image: int) -> np.ndarray:
    """The level of each region: from 1 at the lowest score of all pictures to 255; 0: none."""
    open_scores = np.concatenate(
        [SCORES[one, : STRIPES.count(one)][OPEN[one, : STRIPES.count(one)]] for one in SHOWN]
    )
    low, high = open_scores.min(), open_scores.max()
    share = (SCORES[image] - low) / (high - low)
    return np.where(OPEN[image], 1 + np.round(254 * share), 0)


def test_the_picture_of_the_scores_has_each_pixel_at_its_region_s_level(page_file: Path) -> None:
    sheet = block(page_file, "cycle-0")
    for image in SHOWN:
        found = score_map(sheet, f"pool-{image}")
        assert found.shape == (HEIGHT, WIDTH, 2)
        ids = STRIPES.id_map(image)
        np.testing.assert_array_equal(found[..., 1], np.where(OPEN[image][ids], 255, 0))
        np.testing.assert_array_equal(found[..., 0], levels(image)[ids])
    assert "scores" not in sheet["test-0"]
    assert "scores" not in block(page_file, "cycle-1")["pool-1"]


def test_what_was_annotated_is_counted_by_its_mask(page: Page) -> None:
    (picture,) = [one for one in page["pictures"] if one["id"] == "pool-1"]
    mask = STRIPES.id_map(1) == 2
    shares = [one["labeled_share"] for one in picture["cycles"]]
    assert shares == pytest.approx([0.0, mask.mean()])
    truth = np.repeat(np.arange(HEIGHT) * 3 // HEIGHT, WIDTH).reshape(HEIGHT, WIDTH)
    counts = np.bincount(truth[mask], minlength=3).tolist()
    assert page["runs"][0]["cycles"][1]["annotated"] == [*counts, 0]


@pytest.fixture
def opened(request: pytest.FixtureRequest, page_file: Path) -> Any:
    pytest.importorskip("selenium", reason="selenium is not installed")
    driver = request.getfixturevalue("driver")
    from tests.support.browser import Opened

    opened = Opened(driver).open(page_file)
    opened.press("[")
    opened.js("document.querySelector('#gallery').scrollIntoView()")
    opened.wait("return document.querySelectorAll('#gallery .view img').length >= 3")
    return opened


def view_of(name: str) -> str:
    return f"#gallery [data-id='{name}'] .view"


def test_the_browser_outlines_the_queried_regions(opened: Any) -> None:
    found = opened.js(
        """
        const [width, height] = arguments[1];
        return [...document.querySelectorAll(arguments[0] + " path.frame")].map((path) =>
          [...Array(height).keys()].map((row) => [...Array(width).keys()].map((col) => {
            const point = path.ownerSVGElement.createSVGPoint();
            [point.x, point.y] = [(col + 0.5) * 1000 / width, (row + 0.5) * 1000 / height];
            return path.isPointInFill(point);
          })));
        """,
        view_of("pool-1"),
        [WIDTH, HEIGHT],
    )
    assert len(found) == 2
    for region, inside in zip((2, 3), found, strict=True):
        np.testing.assert_array_equal(inside, STRIPES.id_map(1) == region)
    assert len(opened.texts(f"{view_of('pool-2')} .frame")) == 0
    assert opened.labels(view_of("pool-1")) == [
        "Prediction of b, cycle 0, mIoU 11.1\u00a0%, 2 regions queried"
    ]
    assert opened.errors() == []


def test_the_browser_shows_each_score_in_its_color(opened: Any) -> None:
    opened.press("5", "f")
    opened.js("const one = document.querySelector('#strength'); one.value = 1;"
              "one.dispatchEvent(new Event('input'))")  # fmt: skip
    opened.wait("return document.querySelectorAll('#gallery .score-map').length === 3")
    opened.wait("return [...document.querySelectorAll('.score-map img')].every((i) => i.complete)")
    text = (ASSETS / "colors.js").read_text("utf-8")
    table = np.array(re.findall(r"\[(\d+), (\d+), (\d+)\],", text), float)
    assert table.shape == (11, 3)
    for image in (1, 2):
        shot = opened.one(view_of(f"pool-{image}")).screenshot_as_png
        picture = np.array(Image.open(io.BytesIO(shot)).convert("RGB"), float)
        for region in range(4):
            share = levels(image)[region] / 255
            wanted = [np.interp(10 * share, np.arange(11), table[:, c]) for c in range(3)]
            for row, col in inner_pixels(image, region):
                y = round((row + 0.5) * picture.shape[0] / HEIGHT)
                x = round((col + 0.5) * picture.shape[1] / WIDTH)
                np.testing.assert_allclose(picture[y, x], wanted, atol=4)
    hatched = opened.js(
        "return document.querySelectorAll('.score-map [fill=\"url(#hatch)\"]').length"
    )
    assert hatched == 3, "shines through where nothing was left to annotate"
    assert opened.errors() == []


def inner_pixels(image: int, region: int) -> list[list[int]]:
    """Some pixels of a region that are not at its edge, nor near the rounded corners of a tile."""
    inside = STRIPES.id_map(image) == region
    eroded = inside.copy()
    for shift in (-2, 2):
        for axis in (0, 1):
            eroded &= np.roll(inside, shift, axis)
    eroded[:4] = eroded[-4:] = False
    eroded[:, :4] = eroded[:, -4:] = False
    found = np.argwhere(eroded)
    assert len(found) > 20
    return found[:: len(found) // 20].tolist()


def test_the_outlines_are_those_of_the_partition() -> None:
    """The stripes are really no boxes: a box would enclose pixels of others."""
    for image, region in CHOSEN:
        assert STRIPES.mask(RegionRef(image, region)) is not None
