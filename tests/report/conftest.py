"""What the tests of the page in a browser share; without a browser they are skipped."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from s4al_jax.report.page.html import page_html
from s4al_jax.report.page.schema import Page, Sheet
from tests.support.sample_page import sample


@pytest.fixture(scope="session")
def given() -> tuple[Page, Sheet, dict[int, Sheet]]:
    """What the page was made from."""
    return sample(40)


@pytest.fixture(scope="session")
def path(
    given: tuple[Page, Sheet, dict[int, Sheet]], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The page, on disk."""
    written = tmp_path_factory.mktemp("page") / "index.html"
    written.write_text(page_html(*given), "utf-8")
    return written


@pytest.fixture(scope="session")
def driver() -> Iterator[Any]:
    """A browser without a page."""
    from tests.support import browser

    if not (browser.CHROMIUM and browser.DRIVER):
        pytest.skip("needs chromium and chromedriver on the PATH")
    with browser.browser() as started:
        yield started


@pytest.fixture
def shown(driver: Any, path: Path) -> Iterator[Any]:
    """The page, freshly opened; a test fails if the browser reports an error."""
    from tests.support.browser import Opened

    opened = Opened(driver).open(path)
    yield opened
    assert opened.errors() == []
