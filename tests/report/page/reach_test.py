"""The page in a browser: by keyboard, on a phone, on paper, with nothing in it, with a lot."""

import base64
from functools import cache
from pathlib import Path

import pytest

from s4al_jax.report.page.html import page_html
from s4al_jax.report.page.schema import Page, Sheet
from tests.support.sample_page import run, sample

pytest.importorskip("selenium", reason="selenium is not installed")
from selenium.webdriver import Chrome
from selenium.webdriver.common.keys import Keys

from tests.support.browser import Opened

Contents = tuple[Page, Sheet, dict[int, Sheet]]


def test_the_keys_are_listed_and_every_control_is_reached_by_tab(shown: Opened) -> None:
    shown.press("?")
    assert "previous cycle, next cycle" in shown.one("#help").text
    shown.press(Keys.ESCAPE)
    shown.js(
        """
        window.stops = () => [...document.querySelectorAll(
            "a, button, input, select, summary, code, .point, .bar-line")].filter((one) =>
            one.checkVisibility() && !one.disabled && one.tabIndex >= 0
            && (one.type !== "radio" || one.checked));
        window.reached = new Set();
        window.unseen = [];
        addEventListener("focusin", ({ target }) => {
          reached.add(target);
          const marked = target.type === "radio" ? target.nextSibling
            : target.querySelector(":scope > .hit") ?? target;
          const { outlineStyle, stroke } = getComputedStyle(marked);
          if (outlineStyle === "none" && stroke === "none") unseen.push(target.outerHTML);
        });
        document.activeElement.blur();
        """
    )
    count = shown.js("return stops().length")
    assert count > 60
    shown.one("body").send_keys(Keys.TAB * (count + 8))
    missed = "return stops().filter((one) => !reached.has(one)).map((one) => one.outerHTML)"
    assert shown.js(missed) == []
    assert shown.js("return unseen") == []


def test_nothing_is_wider_than_a_phone(driver: Chrome, path: Path) -> None:
    shown = Opened(driver).open(path, width=360, height=740)
    assert shown.overflow() <= 0
    shown.js("document.querySelectorAll('details').forEach((one) => { one.open = true })")
    assert shown.overflow() <= 0
    shown.press("[", "5")
    shown.js("document.querySelector('#gallery .tile').click()")
    assert shown.js("const { scrollWidth, clientWidth } = document.querySelector('#large');"
                    "return scrollWidth - clientWidth") <= 0  # fmt: skip
    shown.press(Keys.ESCAPE, "?")
    assert shown.js("const { scrollWidth, clientWidth } = document.querySelector('#help');"
                    "return scrollWidth - clientWidth") <= 0  # fmt: skip
    assert shown.errors() == []


def test_a_run_without_anything_says_so(driver: Chrome, given: Contents, tmp_path: Path) -> None:
    bare = dict(given[0])
    bare |= {
        "shown": 0,
        "runs": [run("bare", 0, 0, [], []) | {"command": "", "revision": "", "started": ""}],
        "studies": [{"name": "nothing yet", "fully_supervised": False, "means": []}],
        "goal": None,
        **{name: [] for name in ("published", "pictures", "worst", "confused", "notes")},
    }
    file = tmp_path / "bare.html"
    file.write_text(page_html(bare, {}, {}), "utf-8")  # type: ignore[arg-type]
    shown = Opened(driver).open(file)
    assert shown.text("#headline") == "No cycle is finished yet."
    assert "confusion of this cycle was not measured" in shown.text("#confusion")
    assert "no rows of training" in shown.text("#steps")
    assert "The command of this run is not known." in shown.text("#runs")
    shown.press("[", "]", "4", "s", "r")
    text = shown.js("return document.body.innerText")
    assert not {"NaN", "undefined", "null", "Infinity"} & set(text.replace(".", " ").split())
    assert shown.errors() == []


@cache
def padded(uri: str) -> str:
    """The same picture in a larger file: what follows the end of a PNG is not looked at."""
    head, _, data = uri.partition(",")
    return f"{head},{base64.b64encode(base64.b64decode(data) + bytes(1800)).decode()}"


def test_ten_megabytes_open_at_once_and_are_read_when_looked_at(
    driver: Chrome, tmp_path: Path
) -> None:
    contents, images, cycles = sample(330)
    bulk = {
        number: {
            one: {kind: padded(uri) for kind, uri in uris.items()} for one, uris in sheet.items()
        }
        for number, sheet in cycles.items()
    }
    file = tmp_path / "bulk.html"
    file.write_text(page_html(contents, images, bulk), "utf-8")
    assert file.stat().st_size > 10e6
    shown = Opened(driver).open(file)
    timing = shown.js(
        "return performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"
    )
    assert timing < 5000
    assert shown.js("return document.images.length") == 0
    assert len(shown.names()) == 24
    shown.js("document.querySelector('#gallery').scrollIntoView()")
    shown.wait("return document.querySelectorAll('#gallery img').length > 0")
    assert shown.js("return document.querySelectorAll('#gallery img').length") < 48
    fetched = shown.js("return performance.getEntriesByType('resource').map((one) => one.name)")
    assert [name for name in fetched if not name.startswith("data:")] == []
    assert shown.errors() == []


def test_paper_gets_open_tables_and_no_controls(shown: Opened) -> None:
    shown.driver.execute_cdp_cmd("Page.printToPDF", {"pageRanges": "1"})
    assert shown.js("return [...document.querySelectorAll('details')].every((one) => one.open)")
    assert shown.js("return [...document.querySelectorAll('.tile')]"
                    ".every((one) => one.querySelector('img'))")  # fmt: skip
