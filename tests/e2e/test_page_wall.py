"""All cameras on one page: at full rate over one WebSocket, and nothing for who does not look."""

from __future__ import annotations

from functools import cache
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from . import shared
from .browser import MISSING, Browser
from .daemon import PASSWORD, Daemon

_CAMERAS = 9
_FPS = 10
_CONFIG = "".join(
    f'[cameras.cam{number}]\nname = "Camera {number}"\nsource = "test:"\nsize = "320x240"\nfps = {_FPS}\n'
    for number in range(1, _CAMERAS + 1)
)
#: Counts what the page's sockets receive and its canvases show, from before its first script.
_COUNT = """
  window.sockets = []; window.shown = new Map(); window.hiddenAt = window.lateness = 0;
  window.WebSocket = class extends WebSocket {
    constructor(...address) {
      super(...address);
      window.sockets.push(this);
      this.addEventListener("message", ({data}) => {
        if (document.hidden && typeof data !== "string") window.lateness = performance.now() - window.hiddenAt;
      });
    }
  };
  const draw = ImageBitmapRenderingContext.prototype.transferFromImageBitmap;
  ImageBitmapRenderingContext.prototype.transferFromImageBitmap = function (bitmap) {
    if (bitmap) window.shown.set(this.canvas, (window.shown.get(this.canvas) ?? 0) + 1);
    return draw.call(this, bitmap);
  };
  document.addEventListener("visibilitychange", () => document.hidden && (window.hiddenAt = performance.now()));
"""
_MEDIA = "window.sockets.filter((one) => one.url.endsWith('/api/media'))"
_LOADED = "document.querySelectorAll('.wall-tiles canvas:not(.vacant)').length"
_SHOWN = "[...document.querySelectorAll('.wall-tiles canvas')].map((one) => window.shown.get(one) ?? 0)"
_IN = 3.0


@cache
def served() -> Daemon:
    """The daemon of all tests here."""
    daemon = Daemon(_CONFIG, arguments=["--https", "off"], admin=True)
    shared.until_others(__name__, daemon.remove)
    daemon.start()
    shared.until_others(__name__, daemon.stop)
    return daemon


@cache
def browser() -> Browser:
    """The browser of all tests here, in which the administrator is signed in."""
    one = Browser()
    shared.until_others(__name__, one.close)
    one.before(_COUNT)
    one.sign_in(served().url, "admin", PASSWORD)
    return one


class WallTests(SynchronousTestCase):
    """One daemon and one browser for all tests."""

    skip = MISSING

    def setUp(self) -> None:
        self.browser = browser()
        self.browser.shape(1280, 900)
        self.browser.open("about:blank")
        self.addCleanup(self.browser.open, "about:blank")  # nine cameras are work, for whoever comes next
        self.browser.open(served().url + "#*")
        self.browser.wait(f"{_LOADED} === {_CAMERAS}")

    def within(self, seconds: float, expression: str) -> Any:
        """How much each number of a list grows in so much time, by the page's clock."""
        self.browser.driver.set_script_timeout(seconds + 5)
        return self.browser.driver.execute_async_script(
            f"""const done = arguments[1], before = {expression};
            setTimeout(() => done({expression}.map((after, place) => after - before[place])), 1000 * arguments[0]);""",
            seconds,
        )

    def test_nine_cameras_at_full_rate_until_nobody_looks(self) -> None:
        shown = self.within(_IN, _SHOWN)
        self.assertEqual(len(shown), _CAMERAS)
        self.assertGreaterEqual(min(shown), 0.95 * _FPS * _IN, shown)
        self.assertEqual(self.browser.ask(f"{_MEDIA}.length"), 1)

        page = self.browser.driver.current_window_handle
        self.browser.driver.switch_to.new_window("tab")
        self.within(2.5, "[0]")
        self.browser.driver.close()
        self.browser.driver.switch_to.window(page)
        self.assertGreater(self.browser.ask("performance.now() - window.hiddenAt"), 2000)
        self.assertLess(self.browser.ask("window.lateness"), 2000)
        self.assertGreaterEqual(min(self.within(1.5, _SHOWN)), 5)  # and it goes on

    def test_what_is_out_of_sight_is_not_sent(self) -> None:
        self.browser.shape(1280, 300)
        self.browser.wait("document.querySelector('.wall-tiles li:last-child').getBoundingClientRect().top > 300")
        self.browser.driver.execute_script("scrollTo(0, 0)")
        self.within(0.5, "[0]")
        shown = self.within(1.5, _SHOWN)
        self.assertGreaterEqual(shown[0], _FPS)
        self.assertEqual(shown[-1], 0)

    def test_a_click_opens_the_camera(self) -> None:
        self.browser.click('.wall-tiles [data-camera="cam4"] .tile')
        self.browser.wait("document.querySelector('.stage h1').innerText === 'Camera 4'")
        self.browser.wait("document.querySelector('.screen > :not(.vacant)')")
        self.assertEqual(self.browser.ask("location.hash"), "#cam4")
        self.assertEqual(self.browser.ask("document.querySelectorAll('.wall-tiles canvas').length"), 0)
        self.browser.click("#to-all")
        self.browser.wait(f"{_LOADED} === {_CAMERAS}")
        self.assertEqual(self.browser.ask(f"{_MEDIA}.length"), 1)
