"""How old the picture is that a browser shows: the test camera's time code, read off the page's own players."""

from __future__ import annotations

import importlib.util
import statistics
import time
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from .browser import MISSING, Browser
from .daemon import Daemon
from .waiting import wait_for

_CAMERA = '[cameras.cam1]\nsource = "test:"\nsize = "1280x720"\nfps = 30\n'
#: Notes of every picture that the page shows its time code, and when it is to be seen.
_WATCH = (
    Path(__file__).with_name("strip.js").read_text()
    + """
const video = window.shown = document.querySelector(".screen video");
const read = stripOf(video), codes = window.codes = [];
const look = (now, about) => {
  video.requestVideoFrameCallback(look);
  codes.push([read(), about.expectedDisplayTime]);
};
video.requestVideoFrameCallback(look);
"""
)
#: Until the player has settled close to the moment (seconds).
SETTLING = 3.0


class GlassToGlassTests(SynchronousTestCase):
    """Generous, for a machine that has more to do; tests.soak promises more."""

    timeout = 120
    window = 5.0
    least_fps = 25.0
    most_delay = {"mse": 0.3, "webrtc": 0.3}
    if MISSING:
        skip = MISSING

    def setUp(self) -> None:
        self.daemon = Daemon(_CAMERA, arguments=["--https", "off"], everyone=True)
        self.daemon.start()
        self.addCleanup(self.daemon.remove)
        self.addCleanup(self.daemon.stop)
        self.browser = Browser(1280, 800)
        self.addCleanup(self.browser.close)

    def told(self, figures: str) -> None:
        """What was measured, whether it was good or not."""

    def delays(self) -> list[float]:
        """Of the pictures since the last call, seconds from the camera's clock to the screen, in order."""
        codes = self.browser.ask("codes.splice(0)")
        origin = self.browser.ask("performance.timeOrigin") / 1000 - (time.time() - time.monotonic())
        return [origin + shown / 1000 - int(code) / 1e6 for code, shown in codes]

    def counts(self) -> tuple[int, int, float]:
        """Pictures, those of them that were not shown, and when that was (seconds)."""
        shown, dropped, now = self.browser.ask(
            "(({totalVideoFrames, droppedVideoFrames}) => [totalVideoFrames, droppedVideoFrames, performance.now()])"
            "(shown.getVideoPlaybackQuality())"
        )
        return shown, dropped, now / 1000

    def play(self, way: str) -> None:
        self.browser.before(f"localStorage.setItem('camd.way', '{way}')")
        self.browser.open(self.daemon.url)
        self.browser.wait("document.querySelector('.screen video')?.videoWidth === 1280", timeout=20)
        self.browser.driver.execute_script(_WATCH)
        wait_for(lambda: len(self.browser.ask("codes")) > 30 * SETTLING, 20, "pictures")
        self.delays()
        count, dropped, begun = self.counts()
        time.sleep(self.window)  # to ask meanwhile would be work for the browser
        after, lost, ended = self.counts()
        delays = sorted(self.delays())
        fps, rate = (after - count - lost + dropped) / (ended - begun), len(delays) / (ended - begun)
        p50, p95 = statistics.median(delays), delays[int(len(delays) * 0.95)]
        figures = (f"{way}: {fps:.2f} fps ({lost - dropped} dropped, {rate:.1f} read) in {ended - begun:.0f} s, "
                   f"glass to glass p50 {p50 * 1000:.0f} p95 {p95 * 1000:.0f} ms")
        self.told(figures)
        self.assertGreater(delays[0], 0, figures)
        self.assertGreaterEqual(fps, self.least_fps, figures)
        self.assertLess(p50, self.most_delay[way], figures)

    def test_mse(self) -> None:
        self.play("mse")

    def test_webrtc(self) -> None:
        if importlib.util.find_spec("aiortc") is None:
            raise SkipTest("needs aiortc: pip install 'camd[webrtc]'")
        self.play("webrtc")
