"""A page in a real browser, which a test drives as a reader would."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    *("headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run"),
    *("disable-background-networking", "disable-component-update", "disable-sync"),
    "disable-dev-shm-usage",
)


@contextmanager
def browser() -> Iterator[Chrome]:
    """Chromium without a window, with a profile of its own, that does not scroll smoothly."""
    options = ChromeOptions()
    options.binary_location = CHROMIUM or ""
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for flag in (*FLAGS, f"user-data-dir={profile}"):
            options.add_argument(f"--{flag}")
        started = Chrome(options=options, service=Service(DRIVER))
        motion = [{"name": "prefers-reduced-motion", "value": "reduce"}]
        started.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": motion})
        try:
            yield started
        finally:
            started.quit()


class Opened:
    """A page in the browser."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver

    def open(self, path: Path, *, width: int = 1280, height: int = 900) -> "Opened":
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.driver.get(path.as_uri())
        assert self.js("return document.documentElement.dataset.ready") == "true", self.errors()
        return self

    def js(self, script: str, *arguments: object) -> Any:
        return self.driver.execute_script(script, *arguments)

    def one(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        return self.js("return document.querySelector(arguments[0]).textContent", selector)

    def texts(self, selector: str) -> list[str]:
        return self.js(
            "return [...document.querySelectorAll(arguments[0])].map((one) => one.textContent)",
            selector,
        )

    def labels(self, selector: str) -> list[str]:
        return self.js(
            "return [...document.querySelectorAll(arguments[0])].map((one) => one.ariaLabel)",
            selector,
        )

    def click(self, selector: str) -> None:
        self.one(selector).click()

    def press(self, *keys: str) -> None:
        for key in keys:
            self.driver.switch_to.active_element.send_keys(key)

    def pick(self, selector: str, value: str) -> None:
        """Of a <select>, as a reader does: by its option."""
        self.click(f'{selector} option[value="{value}"]')

    def rows(self, selector: str) -> list[list[str]]:
        """The cells of a table's body."""
        return self.js(
            "return [...document.querySelectorAll(arguments[0] + ' tbody tr')]"
            ".map((row) => [...row.children].map((cell) => cell.textContent))",
            selector,
        )

    def names(self) -> list[str]:
        return self.texts("#gallery .tile-name")

    def overflow(self) -> int:
        """By how many pixels anything is wider than the window."""
        return self.js(
            "return Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)"
            " - document.documentElement.clientWidth"
        )

    def wait(self, script: str) -> None:
        WebDriverWait(self.driver, 10, 0.02).until(lambda _: self.js(script), script)

    def errors(self) -> list[str]:
        return [entry["message"] for entry in self.driver.get_log("browser")]
