"""The page in a browser: its charts and tables have the numbers of the contents."""

import math
from pathlib import Path

import pytest

from s4al_jax.report.page.html import page_html
from s4al_jax.report.page.schema import Page, Sheet
from tests.support.sample_page import HOSTILE, NAMES, TAIL

pytest.importorskip("selenium", reason="selenium is not installed")
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.support.browser import Opened

Contents = tuple[Page, Sheet, dict[int, Sheet]]


def cell(share: float) -> str:
    """Whole percents, of what is neither nothing nor all."""
    if 0 < share < 0.005:
        return "<1"
    return ">99" if 0.995 < share < 1 else str(math.floor(100 * share + 0.5))


def percent(share: float) -> str:
    return f"{100 * share:.1f}\u00a0%"


def test_the_headline_says_what_the_contents_say(shown: Opened, given: Contents) -> None:
    contents = given[0]
    last = contents["studies"][0]["means"][-1]
    gap = 100 * (0.779 - last["miou"])
    assert shown.text("#headline") == (
        f"95\u00a0% of full supervision is not reached: {percent(last['miou'])} mIoU with "
        f"13.75\u00a0% of the labels is {gap:.1f} points below the line."
    )
    tiles = shown.text("#tiles")
    assert "202,752 pixels" in tiles and "444" in tiles and "5 min" in tiles
    assert percent(last["miou"] / 0.82) in tiles
    assert shown.text("h1") == contents["title"]


@pytest.mark.parametrize(
    ("reached_share", "goal_is_known", "said"),
    [
        (
            0.1188,
            True,
            "95\u00a0% of full supervision was reached with 11.88\u00a0% of the labels.",
        ),
        (None, False, "; there is no run on all labels to compare it with."),
    ],
)
def test_the_headline_says_what_was_reached_and_what_is_not_known(
    driver: Chrome,
    given: Contents,
    tmp_path: Path,
    reached_share: float | None,
    goal_is_known: bool,
    said: str,
) -> None:
    contents, images, cycles = given
    goal = contents["goal"] | {"reached_share": reached_share} if goal_is_known else None  # type: ignore[operator]
    file = tmp_path / "goal.html"
    file.write_text(page_html(contents | {"goal": goal}, images, cycles), "utf-8")  # type: ignore[arg-type]
    opened = Opened(driver).open(file)
    assert opened.text("#headline").endswith(said)
    assert len(opened.texts("#curve .upright")) == (1 if reached_share else 0)
    assert opened.errors() == []


def test_the_curve_has_every_point_and_line(shown: Opened, given: Contents) -> None:
    said = shown.labels("#curve-plot .point")
    ours = [mean for study in given[0]["studies"][:2] for mean in study["means"]]
    assert len(said) == len(ours) + 2 + 3
    for mean in ours:
        spread = "" if mean["std"] is None else f" ± {100 * mean['std']:.1f}"
        assert any(f"{100 * mean['miou']:.1f}{spread}\u00a0% mIoU" in one for one in said)
    assert "95\u00a0% of full supervision: 77.9\u00a0% mIoU" in said
    assert "S4AL (published): 61.4 ± 0.6\u00a0% with 13.8\u00a0% of the labels; Table 3a" in said
    assert len(shown.texts("#curve-legend .entry")) == 7
    before = shown.text("#curve-plot svg")
    shown.click("#curve-published")
    assert len(shown.labels("#curve-plot .point")) == len(ours) + 2
    shown.click("#curve-log")
    assert shown.text("#curve-plot svg") != before
    shown.js("document.querySelector('#curve-plot [tabindex=\"0\"]').focus()")
    shown.press(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert shown.text("#popup") == shown.labels("#curve-plot .point")[2]
    assert len(shown.rows("#curve-table")) == len(ours) + 1 + 3


def test_cycles_are_stepped_through_and_the_matrix_follows(shown: Opened, given: Contents) -> None:
    cycles = given[0]["runs"][1]["cycles"]
    assert shown.text("#cycle-now") == "Cycle 2"
    assert not shown.one("#cycle-on").is_enabled()
    shown.click("#cycle-back")
    assert shown.text("#cycle-now") == "Cycle 1"
    shown.press("[", "[")
    assert shown.text("#cycle-now") == "Cycle 0"
    for cycle in cycles:
        confusion = cycle["confusion"]
        assert confusion is not None
        shares = [pixels / sum(row) for row in confusion for pixels in row]
        texts = shown.texts("#confusion-table button")
        for share, text in zip(shares, texts, strict=True):
            assert text == cell(share)
        shown.press("]")
    shown.js("document.querySelector('#confusion-table [tabindex=\"0\"]').focus()")
    shown.press(Keys.ARROW_DOWN, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    row = cycles[-1]["confusion"][1]  # type: ignore[index]
    share = percent(row[3] / sum(row))
    assert shown.text("#confusion-text") == (
        f"building predicted as road: {share}, {row[3]:,} of {sum(row):,} pixels"
    )
    shown.press(Keys.ENTER)
    assert shown.one("#class").get_attribute("value") == "1"


def test_classes_are_grouped_by_head_and_tail_and_what_is_missing_is_said(
    shown: Opened, given: Contents
) -> None:
    cycles = given[0]["runs"][1]["cycles"]
    assert shown.texts("#iou h4") == ["Head", "Tail"]
    panels = {
        int(panel.get_attribute("data-class") or -1): panel.text.split("\n")
        for panel in shown.driver.find_elements(By.CSS_SELECTOR, "#iou button")
    }
    assert list(panels) == [i for i in range(11) if i not in TAIL] + list(TAIL)
    for index, (name, value, *change) in panels.items():
        first, last = cycles[0]["class_iou"][index], cycles[-1]["class_iou"][index]
        assert name == NAMES[index]
        if first is None or last is None:
            assert index == 9 and value == "not measured" and not change
        else:
            assert value == percent(last).replace("\u00a0", " ") or value == percent(last)
            assert change == [f"{100 * (last - first):+.1f}".replace("-", "−")]
    annotated = shown.rows("#annotated-table")
    assert [row[0] for row in annotated] == [*NAMES, "void"]
    for cycle in cycles:
        column = [row[2 + 2 * cycle["number"]] for row in annotated]
        assert column == [f"{pixels:,}" for pixels in cycle["annotated"]]
    bold = shown.js(
        "return [...document.querySelectorAll('#annotated-bars .bar-value')]"
        ".map((one) => getComputedStyle(one).fontWeight > 500)"
    )
    assert bold == 12 * [False, False, True], "the chosen cycle's"
    shown.press("[", "]")
    shown.js("document.querySelector('#annotated-bars [tabindex=\"0\"]').focus()")
    shown.press(Keys.ARROW_DOWN)
    assert shown.text("#popup").startswith("sky, cycle 1: "), "one key goes one bar on"
    shown.js("document.querySelector('#iou [data-class=\"7\"]').click()")
    assert shown.one("#class").get_attribute("value") == "7"


def test_the_teacher_and_the_journal_are_drawn(shown: Opened, given: Contents) -> None:
    said = shown.labels("#teacher .point")
    assert "Cycle 2: 94.0\u00a0% right among those above the threshold of confidence" in said
    assert len(said) == 2 * 3
    bars = shown.texts("#teacher .bar-value")
    assert bars[0] == "50.0\u00a0%" and bars[9] == "not measured"
    shown.press("[", "[")
    assert "Not measured for cycle 0." in shown.text("#teacher")
    titles = shown.texts("#steps h4")
    assert titles == [
        *("Losses", "η, the weight of the pseudo-labels", "Grad norm", "Learning rate"),
    ]
    last = given[0]["runs"][1]["losses"][-1]
    row = next(row for row in shown.rows("#steps-table") if row[0] == "Loss supervised")
    assert float(row[-1]) == pytest.approx(last["metrics"]["loss_supervised"], rel=1e-2)


def test_the_commands_of_all_runs_can_be_copied(shown: Opened, given: Contents) -> None:
    contents = given[0]
    assert shown.text("#run-body code") == contents["runs"][1]["command"]
    shown.pick("#run", "2")
    assert shown.text("#run-body code") == contents["runs"][2]["command"]
    shown.driver.execute_cdp_cmd(
        "Browser.grantPermissions",
        {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]},
    )
    shown.click("#copy")
    shown.wait("return document.querySelector('#copy').textContent === 'Copied'")
    copied = shown.driver.execute_async_script("navigator.clipboard.readText().then(arguments[0])")
    assert copied == contents["runs"][2]["command"]
    assert ["schedule.iterations", "20"] in shown.rows("#run-body .pair > div:first-child")
    shown.click("#differences summary")
    assert shown.rows("#differences") == [["seed", "0", "1", "1"]]
    assert (
        HOSTILE in shown.text("#notes") and shown.js("return document.querySelector('b')") is None
    )
