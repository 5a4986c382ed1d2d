"""Chromium without a window, for tests of the page: started, asked and closed through WebDriver."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

try:
    from selenium import webdriver
    from selenium.common.exceptions import TimeoutException
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.actions.wheel_input import ScrollOrigin
    from selenium.webdriver.support.ui import WebDriverWait
except ImportError:
    webdriver = None  # type: ignore[assignment]

_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
_DRIVER = shutil.which("chromedriver")
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--lang=en-GB",
)
#: Why there can be no browser here, or None.
MISSING: str | None = None
if webdriver is None:
    MISSING = "needs selenium: pip install selenium"
elif not (_CHROMIUM and _DRIVER):
    MISSING = "needs Chromium and its driver: apt install chromium chromium-driver"


def text_of(selector: str) -> str:
    """JavaScript for the text of an element, "" without it."""
    return f"(document.querySelector({json.dumps(selector)})?.innerText ?? '')"


class Browser:
    """One Chromium with a profile of its own. width, height: of the page in CSS pixels."""

    def __init__(self, width: int = 1280, height: int = 800):
        self._profile = tempfile.mkdtemp(prefix="camd-chromium-")
        options = Options()
        options.binary_location = _CHROMIUM
        for flag in (*_FLAGS, f"--user-data-dir={self._profile}", f"--window-size={width},{height}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(_DRIVER))
        self.driver.set_script_timeout(10)
        self.shape(width, height)

    def close(self) -> None:
        self.driver.quit()
        shutil.rmtree(self._profile, ignore_errors=True)

    def shape(self, width: int, height: int, phone: bool = False, scale: float = 1.0) -> None:
        """Size of the page; a phone has touch and a mobile viewport."""
        self._devtools("Emulation.setDeviceMetricsOverride", width=width, height=height, mobile=phone,
                       deviceScaleFactor=scale)
        self._devtools("Emulation.setTouchEmulationEnabled", enabled=phone)

    def prefer(self, **features: str) -> None:
        """Media features, e.g. prefer(prefers_color_scheme="dark")."""
        wanted = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self._devtools("Emulation.setEmulatedMedia", features=wanted)

    def open(self, url: str) -> None:
        self.driver.get(url)

    def ask(self, expression: str, *arguments: Any) -> Any:
        """The value of a JavaScript expression; arguments are `arguments[0]`, ..."""
        return self.driver.execute_script(f"return ({expression});", *arguments)

    def wait(self, expression: str, *arguments: Any, timeout: float = 10.0) -> Any:
        """Ask until the answer is true, and return it; else AssertionError with the page's text."""
        try:
            return WebDriverWait(self.driver, timeout, poll_frequency=0.02).until(
                lambda _: self.ask(expression, *arguments)
            )
        except TimeoutException:
            text = self.ask("document.body.innerText")
            raise AssertionError(f"not within {timeout} s: {expression} {arguments}\n{text}") from None

    def find(self, selector: str) -> Any:
        return self.driver.find_element("css selector", selector)

    def fill(self, selector: str, text: str) -> None:
        """Type into an empty field; "\n" sends the form."""
        self.find(selector).send_keys(text)

    def click(self, selector: str) -> None:
        """Click an element, wherever on the page it is."""
        element = self.find(selector)
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def sign_in(self, url: str, name: str, password: str, then: str = "") -> None:
        """Through the page at url, on to `then` below it."""
        self.forget()
        self.open(f"{url}login?next={quote(then, safe='')}")
        self.fill("#username", name)
        self.fill("#password", password + "\n")
        self.wait("!location.pathname.endsWith('/login')")

    def forget(self) -> None:
        """All cookies: whoever was signed in is a stranger."""
        self._devtools("Network.clearBrowserCookies")

    def press(self, *keys: str) -> None:
        """Keys to whatever has the focus."""
        ActionChains(self.driver).send_keys(*keys).perform()

    def hold(self, selector: str, right: int, within: int | None = None) -> None:
        """Press the mouse where `point` points, pull it to the right, and do not let go."""
        self._over(selector, within).click_and_hold().move_by_offset(right, 0).perform()

    def pull(self, selector: str, right: int, down: int) -> None:
        """Pull the middle of an element, and let go."""
        actions = ActionChains(self.driver, duration=50)
        actions.move_to_element(self.find(selector)).click_and_hold().move_by_offset(right, down).release().perform()

    def touch(self, selector: str, right: int, down: int) -> None:
        """Click beside the middle of an element."""
        actions = ActionChains(self.driver, duration=50)
        actions.move_to_element_with_offset(self.find(selector), right, down).click().perform()

    def point(self, selector: str, within: int | None = None) -> None:
        """Move the mouse to the middle of an element, or so many pixels from its left end."""
        self._over(selector, within).perform()

    def _over(self, selector: str, within: int | None) -> ActionChains:
        element = self.find(selector)
        right = 0 if within is None else within - element.rect["width"] // 2
        return ActionChains(self.driver, duration=50).move_to_element_with_offset(element, right, 0)

    def roll(self, selector: str, down: int) -> None:
        """Turn the wheel over an element, in pixels."""
        origin = ScrollOrigin.from_element(self.find(selector))
        ActionChains(self.driver).scroll_from_origin(origin, 0, down).perform()

    def before(self, script: str) -> None:
        """Run this before the first script of every page to come."""
        self._devtools("Page.addScriptToEvaluateOnNewDocument", source=script)

    def let_go(self) -> None:
        ActionChains(self.driver).release().perform()

    def errors(self) -> list[str]:
        """What the console has complained about since the last call, refusals by the CSP included."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]

    def save(self, path: Path) -> None:
        """A screenshot as PNG."""
        self.driver.save_screenshot(str(path))

    def _devtools(self, command: str, **parameters: Any) -> None:
        self.driver.execute_cdp_cmd(command, parameters)
