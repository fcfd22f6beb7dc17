"""A headless Chromium, where there is one. Where `BCORE_REQUIRE` names it, a machine without one fails."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from attrs import define, field
from selenium.common.exceptions import JavascriptException
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

PATIENCE = 240.0  # a browser beside three other tests on two cores
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--window-size=1440,900",
)


@define
class Browser:
    driver: Chrome
    _log: list[dict[str, Any]] = field(factory=list, init=False)

    def open(self, url: str) -> None:
        self.driver.get("about:blank")  # another part behind # alone would not load anything
        self.driver.get(url)

    def js(self, script: str, *arguments: Any) -> Any:
        """What the body of a function in the page returns; promises are waited for."""
        return self.driver.execute_script(script, *arguments)

    def find(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        return str(self.js("return document.querySelector(arguments[0]).innerText", selector))

    def press(self, *keys: str) -> None:
        """At whatever has the focus."""
        for key in keys:
            self.driver.switch_to.active_element.send_keys(key)

    def until(self, script: str, what: str, *arguments: Any, seconds: float = PATIENCE) -> Any:
        """Waits until the script returns something true, and gives that."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                if found := self.js(script, *arguments):
                    return found
            except JavascriptException as error:  # the page is not made yet
                what = f"{what} ({error.msg})"
            assert time.monotonic() < deadline, f"not within {seconds} s: {what}; the page: {self.text('body')[:600]}"
            time.sleep(0.05)

    def reaches(self, state: str) -> None:
        self.until("return document.body.dataset.state === arguments[0]", f"the state {state}", state)

    def cdp(self, command: str, **options: Any) -> Any:
        return self.driver.execute_cdp_cmd(command, options)

    def errors(self) -> list[str]:
        """What the console has complained of since this was last asked."""
        return [each["message"] for each in self.driver.get_log("browser") if each["level"] != "INFO"]

    def requested(self) -> Iterator[str]:
        """Every address that was asked for, or was connected to, since this was last asked."""
        for line in self.driver.get_log("performance"):
            message = json.loads(line["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                yield message["params"]["request"]["url"]
            elif message["method"] == "Network.webSocketCreated":
                yield message["params"]["url"]


def programs() -> tuple[str, str]:
    """Chromium and its driver. Skips, or fails where they are required."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if browser and driver:
        return browser, driver
    give_up: Callable[[str], Any] = pytest.fail if "chromium" in os.environ.get("BCORE_REQUIRE", "") else pytest.skip
    return give_up("there is no Chromium with its driver here: apt-get install chromium chromium-driver")  # type: ignore[no-any-return]


@contextmanager
def browsing() -> Iterator[Browser]:
    browser, driver = programs()
    options = ChromeOptions()
    options.binary_location = browser
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    chrome = Chrome(options=options, service=Service(driver))
    try:
        chrome.set_script_timeout(PATIENCE)
        yield Browser(chrome)
    finally:
        chrome.quit()


TAB, LEFT, RIGHT, END, ENTER, ESCAPE = (
    Keys.TAB,
    Keys.ARROW_LEFT,
    Keys.ARROW_RIGHT,
    Keys.END,
    Keys.ENTER,
    Keys.ESCAPE,
)
