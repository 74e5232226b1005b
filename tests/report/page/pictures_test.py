"""The page in a browser: pictures in any order and layer, large, and the worst of them."""

from collections.abc import Callable
from typing import Any

import pytest

from s4al_jax.report.page.schema import Page, Picture, PictureCycle, Sheet
from tests.support.sample_page import HOSTILE

pytest.importorskip("selenium", reason="selenium is not installed")
from selenium.webdriver.common.keys import Keys

from tests.support.browser import Opened

Contents = tuple[Page, Sheet, dict[int, Sheet]]


def percent(share: float) -> str:
    return f"{100 * share:.1f}\u00a0%"


def result_of(picture: Picture, cycle: int) -> PictureCycle:
    return next(one for one in picture["cycles"] if one["cycle"] == cycle)


SORTS: dict[str, Callable[[Picture], Any]] = {
    "miou": lambda picture: result_of(picture, 1)["miou"],
    "uncertainty": lambda picture: -result_of(picture, 1)["uncertainty"],
    "name": lambda picture: picture["name"],
    "score": lambda picture: (
        -max(
            (s for s in (result_of(picture, 1)["queried"] or {"scores": []})["scores"] if s),
            default=-9,
        )
    ),
}


@pytest.fixture
def all_tiles(shown: Opened) -> Opened:
    shown.press("[")
    return shown


def test_pictures_are_sorted_reversed_and_filtered(all_tiles: Opened, given: Contents) -> None:
    shown, pictures = all_tiles, given[0]["pictures"]
    for sort in ("score", "uncertainty", "name", "miou"):
        shown.press("s")
        if sort == "miou":
            assert shown.one("#sort").get_attribute("value") == "miou"
        shown.pick("#sort", sort)
        shown.click("#more")
        values = {picture["name"]: SORTS[sort](picture) for picture in pictures}
        names = shown.names()
        assert len(names) == 48 and sorted(names) == sorted(values)
        if sort != "name":
            assert [values[name] for name in names] == sorted(values.values())
        shown.js("document.activeElement.blur()")
    shown.press("r")
    shown.pick("#sort", "score")
    shown.click("#more")
    last = {picture["name"] for picture in pictures if picture["split"] == "test"}
    assert set(shown.names()[-8:]) == last, "what has no score comes last, in either order"
    shown.pick("#sort", "miou")
    assert shown.one("#reverse").get_attribute("aria-pressed") == "true"
    assert shown.names() == [
        *(one["name"] for one in sorted(pictures, key=SORTS["miou"], reverse=True)[:24]),
    ]
    shown.pick("#split", "test")
    assert len(shown.names()) == 8 and shown.text("#count") == "8 pictures of 48"
    shown.pick("#class", "10")
    with_class = {
        one["name"] for one in pictures if one["split"] == "test" and 10 in one["classes"]
    }
    assert set(shown.names()) == with_class
    shown.click("#clear")
    shown.js("document.activeElement.blur()")
    shown.press("/")
    shown.press("</SCRIPT")
    assert shown.names() == [HOSTILE]
    shown.press("?", "1", "[")
    assert shown.text("#count") == "No picture passes these filters."


def test_every_layer_shows_its_picture(all_tiles: Opened, given: Contents) -> None:
    shown, (contents, images, cycles) = all_tiles, given
    shown.pick("#split", "pool")
    shown.js("document.querySelector('#gallery').scrollIntoView()")
    shown.js("document.activeElement.blur()")
    first = "#gallery li:first-child"
    shown.wait(f"return document.querySelector('{first} img')")
    name = shown.text(f"{first} .tile-name")
    picture = next(one for one in contents["pictures"] if one["name"] == name)
    queried = result_of(picture, 1)["queried"]
    assert queried is not None
    over = {
        "1": None,
        "2": images[picture["id"]]["truth"],
        "3": cycles[1][picture["id"]]["prediction"],
        "4": cycles[1][picture["id"]]["uncertainty"],
    }
    for key, wanted in over.items():
        shown.press(key)
        label = "Image Truth Prediction Uncertainty".split()[int(key) - 1]
        shown.wait(
            f"return document.querySelector('{first} .view').ariaLabel.startsWith('{label}')"
        )
        sources = shown.js(
            f"return [...document.querySelectorAll('{first} img')].map((one) => one.src)"
        )
        assert sources == [images[picture["id"]]["image"], *([wanted] if wanted else [])]
        assert len(shown.texts(f"{first} .frame")) == (0 if key == "2" else 2)
    shown.js("document.querySelector('#layers [value=scores]').click()")
    shown.wait(f"return document.querySelectorAll('{first} .score-regions rect').length == 16")
    hatched = shown.js(f"return document.querySelectorAll('{first} [fill=\"url(#hatch)\"]').length")
    assert hatched == sum(score is None for score in queried["scores"]) == 2
    shown.press("f")
    shown.wait(f"return document.querySelectorAll('{first} .frame').length == 0")
    shown.js("const one = document.querySelector('#strength'); one.value = 0.25;"
             "one.dispatchEvent(new Event('input'))")  # fmt: skip
    shown.wait(f"return document.querySelector('{first} .score-regions').style.opacity == '0.25'")


def test_a_picture_opens_large_with_its_neighbors_and_its_earlier_result(
    all_tiles: Opened, given: Contents
) -> None:
    shown, (contents, _, cycles) = all_tiles, given
    names = shown.names()
    shown.js("document.querySelectorAll('#gallery .tile')[1].focus()")
    shown.press(Keys.ENTER)
    assert shown.text("#large-name") == names[1]
    shown.press(Keys.ARROW_RIGHT)
    assert shown.text("#large-name") == names[2]
    assert shown.text("#large-place").endswith("3 of 48")
    shown.press(Keys.ARROW_LEFT, Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    last = max(contents["pictures"], key=SORTS["miou"])
    assert shown.text("#large-name") == last["name"]
    shown.click("#large-on")
    picture = next(one for one in contents["pictures"] if one["name"] == names[0])
    facts = shown.text("#large-facts")
    now, before = result_of(picture, 1)["miou"], result_of(picture, 0)["miou"]
    assert now is not None and before is not None
    assert f"{percent(now)} ({percent(before)} in cycle 0)" in facts
    captions = shown.texts("#large-panels figcaption")
    assert captions[2:4] == ["Prediction before: cycle 0", "Prediction: cycle 1"]
    sources = shown.js(
        "return ['before', 'prediction'].map((what) =>"
        " document.querySelector(`.of-${what} .labels`).src)"
    )
    assert sources == [cycles[n][picture["id"]]["prediction"] for n in (0, 1)]
    shown.click('[data-panel="prediction"]')
    shown.press(Keys.ARROW_RIGHT)
    assert shown.one(".of-prediction button").get_attribute("aria-pressed") == "true"
    shown.press(Keys.ARROW_LEFT, Keys.ARROW_LEFT, "]")
    assert shown.text("#large-cycle") == "Cycle 2"
    assert "not scored after this cycle" in shown.js(
        "return document.querySelector('.of-scores .view').textContent"
    )
    shown.press(Keys.ESCAPE)
    assert shown.js("return document.querySelector('#large').open") is False
    assert shown.text(":focus .tile-name") == last["name"], "though it is on the second page"


def test_failures_lead_to_their_pictures(shown: Opened, given: Contents) -> None:
    contents = given[0]
    names = {one["id"]: one["name"] for one in contents["pictures"]}
    assert shown.texts("#worst .tile-name") == [names[one] for one in contents["worst"]]
    shown.js("document.querySelectorAll('#worst .tile')[2].focus()")
    shown.press(Keys.ENTER)
    assert shown.text("#large-name") == names[contents["worst"][2]]
    shown.press(Keys.ESCAPE)
    assert shown.text("#worst :focus .tile-name") == names[contents["worst"][2]]
    pair = contents["confused"][1]
    assert percent(pair["share"]) in shown.texts("#confused li")[1]
    shown.js("document.querySelectorAll('#confused button')[1].click()")
    assert shown.one("#class").get_attribute("value") == str(pair["truth"])
    assert all(pair["truth"] in one["classes"] for one in contents["pictures"]
               if one["name"] in shown.names())  # fmt: skip
