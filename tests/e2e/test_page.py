"""The page in a real browser, served by a real daemon."""

from __future__ import annotations

import json
import shutil
import tempfile
import urllib.request
from functools import cache
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from . import shared
from .browser import MISSING, Browser
from .daemon import PASSWORD, Daemon

_CONFIG = """
[cameras.cam1]
name = "Workshop"
source = "test:"
size = "640x360"
fps = 15

[cameras.door]
name = "Front door"
source = "file:{video}"
"""
_READY = "document.body.dataset.phase === 'open' && document.querySelector('.control')"
_SCREEN = "document.querySelector('.screen > :not(.vacant)')"
_PICTURE = f"({_SCREEN}?.videoWidth ?? {_SCREEN}?.width)"
_BRIGHTNESS = '[data-name="cameras/cam1/brightness"]'
_SLIDER = f"{_BRIGHTNESS} input[type=range]"
_SLIDER_VALUE = f"document.querySelector('{_SLIDER}').valueAsNumber"
#: A few pixels of the large picture as text.
_PRINT = f"""(() => {{
  const canvas = new OffscreenCanvas(64, 36).getContext("2d");
  canvas.drawImage({_SCREEN}, 0, 0, 64, 36);
  return canvas.getImageData(0, 0, 64, 36).data.join();
}})()"""
#: The name of what has the focus, without the unit of its value.
_FOCUSED = """(({labels, ariaLabel, innerText}) => ariaLabel ?? labels?.[0]?.firstChild.textContent.trim() ?? innerText)(
  document.activeElement)"""
#: What a finger has to hit, by selector and size, where it is smaller than it should be.
_SMALL_TARGETS = """[...document.querySelectorAll("button, select, summary, input, a.tool")]
  .filter((one) => one.checkVisibility({visibilityProperty: true}))
  .map((one) => [one.outerHTML.slice(0, 80), one.getBoundingClientRect()])
  .filter(([, box]) => box.height < 44 || box.width < 44)
  .map(([text, box]) => `${text} ${box.width}x${box.height}`)"""


# Trial knows no class fixtures: what is slow to start is started once, and closed with the test run.


@cache
def served() -> tuple[Path, Daemon]:
    """The daemon of all tests here, and the file that its second camera waits for."""
    directory = Path(tempfile.mkdtemp(prefix="camd-page-"))
    shared.until_others(__name__, shutil.rmtree, directory, ignore_errors=True)
    video = directory / "door.mjpeg"
    daemon = Daemon(_CONFIG.format(video=video), arguments=["--https", "off"], admin=True)
    shared.until_others(__name__, daemon.remove)
    daemon.start()
    shared.until_others(__name__, daemon.stop)
    return video, daemon


@cache
def browser(number: int) -> Browser:
    """One of the browsers of all tests here; its user is signed in as the administrator."""
    one = Browser()
    shared.until_others(__name__, one.close)
    one.sign_in(served()[1].url, "admin", PASSWORD)
    return one


class PageTests(SynchronousTestCase):
    """One daemon and two browsers for all tests; each opens the page anew."""

    skip = MISSING

    def setUp(self) -> None:
        self.video, self.daemon = served()
        self.browser, self.other = browser(0), browser(1)
        self.post({"cameras/cam1/brightness": 50})
        self.browser.shape(1280, 800)
        self.show(self.browser)
        self.browser.errors()

    def show(self, browser: Browser, camera: str = "cam1") -> None:
        browser.open("about:blank")  # another hash alone would not load the page again
        browser.open(f"{self.daemon.url}#{camera}")
        browser.wait(_READY)

    def post(self, message: dict[str, Any]) -> dict[str, Any]:
        request = urllib.request.Request(self.daemon.url + "api", json.dumps(message).encode(),
                                         {"Content-Type": "application/json",
                                          "Authorization": f"Bearer {self.daemon.token}"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def wait_for_value(self, browser: Browser, value: int) -> None:
        browser.wait(f"{_SLIDER_VALUE} === arguments[0]", value)

    def test_shows_a_moving_picture_and_says_live(self) -> None:
        self.assertEqual(self.browser.wait(_PICTURE), 640)
        first = self.browser.ask(_PRINT)
        self.browser.wait(f"{_PRINT} !== arguments[0]", first)
        self.browser.wait("document.querySelector('.caption .lamp').innerText === 'Live'")
        self.assertEqual(self.browser.ask("document.querySelector('h1').innerText"), "Workshop")

    def test_complains_of_nothing_and_asks_nobody_else(self) -> None:
        self.browser.wait(_PICTURE)
        self.assertEqual(self.browser.errors(), [])
        hosts = self.browser.ask(
            "[...new Set(performance.getEntriesByType('resource').map((one) => new URL(one.name).origin))]"
        )
        self.assertEqual(hosts, [self.daemon.url.rstrip("/")])

    def test_needs_no_inline_scripts_or_styles(self) -> None:
        with urllib.request.urlopen(self.daemon.url) as answer:
            policy = answer.headers["Content-Security-Policy"]
        self.assertIn("script-src 'self'", policy)
        self.assertNotIn("unsafe", policy)

    def test_a_slider_is_followed_in_another_browser(self) -> None:
        self.show(self.other)
        self.browser.find(_SLIDER).send_keys("\ue014" * 3)  # arrow right
        self.wait_for_value(self.other, 53)
        answer = self.post({"get": ["cameras/cam1/brightness"]})
        self.assertEqual(answer["values"], {"cameras/cam1/brightness": 53})

    def test_a_slider_never_fights_the_finger(self) -> None:
        self.browser.ask("document.querySelector(arguments[0]).scrollIntoView({block: 'center'})", _SLIDER)
        self.browser.hold(_SLIDER, right=40)
        held = self.browser.ask(_SLIDER_VALUE)
        self.assertGreater(held, 55)
        self.show(self.other)
        self.wait_for_value(self.other, held)
        self.post({"cameras/cam1/brightness": 10})
        self.wait_for_value(self.other, 10)
        self.assertEqual(self.browser.ask(_SLIDER_VALUE), held)
        self.browser.let_go()
        self.wait_for_value(self.browser, 10)

    def test_a_refused_value_is_told_and_undone(self) -> None:
        figure = self.browser.find(f"{_BRIGHTNESS} input[type=number]")
        figure.clear()
        figure.send_keys("900\ue007")
        error = f"document.querySelector('{_BRIGHTNESS} [role=alert]').innerText"
        self.assertIn("between", self.browser.wait(error))
        self.browser.wait(f"document.querySelector('{_BRIGHTNESS} input[type=number]').value === '50'")
        self.browser.find(_SLIDER).send_keys("\ue014")
        self.browser.wait(f"{error} === ''")

    def test_the_default_is_one_click_away(self) -> None:
        reset = (f"document.querySelector('{_BRIGHTNESS} .reset')"
                 ".checkVisibility({visibilityProperty: true})")
        self.assertFalse(self.browser.ask(reset))
        self.post({"cameras/cam1/brightness": 80})
        self.browser.wait(reset)
        self.browser.find(f"{_BRIGHTNESS} .reset").click()
        self.wait_for_value(self.browser, 50)
        self.browser.wait(f"!{reset}")

    def test_nothing_moves_when_values_change(self) -> None:
        self.browser.wait(_PICTURE)
        self.browser.ask("""(() => {
          window.shifts = [];
          new PerformanceObserver((list) => window.shifts.push(...list.getEntries().map((one) => one.value)))
            .observe({type: "layout-shift"});
        })()""")
        for value in (0, 100, 7, 50):
            self.post({"cameras/cam1/brightness": value})
            self.wait_for_value(self.browser, value)
        self.assertEqual(self.browser.ask("window.shifts"), [])

    def test_says_disconnected_and_catches_up(self) -> None:
        self.browser.wait(_PICTURE)
        self.daemon.stop()
        self.browser.wait("document.querySelector('#link').innerText === 'Disconnected'")
        self.browser.wait("document.querySelector('.veil').innerText.includes('Disconnected')")
        self.assertTrue(self.browser.ask(f"document.querySelector('{_SLIDER}').matches(':disabled')"))
        self.daemon.start()
        self.post({"cameras/cam1/brightness": 66})
        self.browser.wait("document.querySelector('#link').innerText === 'Connected'", timeout=20)
        self.wait_for_value(self.browser, 66)
        self.browser.wait("document.querySelector('.veil').hidden")
        first = self.browser.ask(_PRINT)
        self.browser.wait(f"{_PRINT} !== arguments[0]", first)

    def test_says_when_a_camera_is_away_and_when_it_is_back(self) -> None:
        self.show(self.browser, "door")
        self.browser.wait("document.querySelector('.caption .lamp').innerText === 'Away'")
        self.assertIn(str(self.video), self.browser.wait("document.querySelector('.notice').innerText"))
        self.browser.wait(_PICTURE)  # the card
        self.addCleanup(self.video.unlink)
        write_video(self.video)
        self.browser.wait("document.querySelector('.caption .lamp').innerText === 'Live'", timeout=20)
        self.browser.wait("document.querySelector('.notice').innerText === ''")

    def test_works_by_keyboard(self) -> None:
        self.browser.ask("document.activeElement.blur()")
        self.browser.press("\ue004")  # tab
        self.assertEqual(self.browser.ask("document.activeElement.innerText"), "Skip to the controls")
        self.browser.press("\ue007")
        passed: list[str] = []
        while len(passed) < 12:
            self.browser.press("\ue004")
            if self.browser.ask(f"document.activeElement.matches('{_SLIDER}')"):
                break
            passed.append(self.browser.ask(_FOCUSED))
        self.assertEqual(passed, [
            "Profile", "Profile", "Name for a profile of the controls as they are", "Keep", "Reset to defaults",
            "Picture", "Rotate", "Flip", "Draw Crop on the picture",
        ])  # fmt: skip
        self.browser.press("\ue014")
        self.wait_for_value(self.browser, 51)
        self.assertTrue(self.browser.ask("document.activeElement.matches(':focus-visible')"))
        unnamed = self.browser.ask("""[...document.querySelectorAll("input, select, textarea, button")]
          .filter((one) => !one.labels?.length && !one.ariaLabel && !one.textContent.trim())
          .map((one) => one.outerHTML)""")
        self.assertEqual(unnamed, [])

    def test_fits_a_phone(self) -> None:
        for width in (390, 320):
            self.browser.shape(width, 844, phone=True)
            self.browser.wait(_PICTURE)
            self.assertLessEqual(self.browser.ask("document.documentElement.scrollWidth"), width)
            self.assertEqual(self.browser.ask(_SMALL_TARGETS), [])
        # The picture stays in sight while the controls scroll.
        self.browser.ask("scrollTo(0, 600)")
        self.assertEqual(self.browser.ask("document.querySelector('.frame').getBoundingClientRect().top"), 0)

    def test_the_theme_is_kept(self) -> None:
        self.addCleanup(self.browser.ask, "localStorage.clear()")
        paper = "getComputedStyle(document.body).backgroundColor"
        self.browser.prefer(prefers_color_scheme="light")
        light = self.browser.ask(paper)
        self.browser.find("#theme").click()
        self.assertEqual(self.browser.ask(paper), light)
        self.browser.find("#theme").click()
        dark = self.browser.ask(paper)
        self.assertNotEqual(dark, light)
        self.show(self.browser)
        self.assertEqual(self.browser.ask(paper), dark)

    def test_a_hidden_tab_holds_no_stream(self) -> None:
        self.other.open("about:blank")
        self.browser.wait("document.querySelector('[data-fact=clients]').innerText === '2 watching'")
        page = self.browser.driver.current_window_handle
        self.browser.driver.switch_to.new_window("tab")
        self.browser.open(self.daemon.url + "api/status")
        self.browser.wait("""fetch("/api", {
          method: "POST",
          headers: {"Content-Type": "application/json"},
          body: '{"get": ["cameras/cam1/clients"]}',
        }).then((answer) => answer.json()).then(({values}) => values["cameras/cam1/clients"] === 0)""")
        self.browser.driver.close()
        self.browser.driver.switch_to.window(page)
        self.browser.wait(_PICTURE)


class LogicTests(SynchronousTestCase):
    """The modules without DOM, run where they run."""

    skip = MISSING

    def setUp(self) -> None:
        _, daemon = served()
        self.browser = browser(0)
        self.browser.open(daemon.url)

    def run_module(self, module: str, script: str) -> Any:
        """What `script`, the body of an async function, returns; `m` is the module."""
        return self.browser.driver.execute_script(
            f"return import(new URL('{module}', document.baseURI)).then(async (m) => {{ {script} }});"
        )

    def test_waiting_times_double_up_to_a_limit_and_start_anew(self) -> None:
        delays = self.run_module("backoff.js", """
          const backoff = new m.Backoff({random: () => 0.5});
          const delays = [1, 2, 3, 4, 5, 6, 7].map(() => backoff.next());
          backoff.reset();
          return [...delays, backoff.next(), new m.Backoff({random: () => 0}).next()];
        """)
        self.assertEqual(delays, [500, 1000, 2000, 4000, 8000, 10000, 10000, 500, 375])

    def test_the_store_keeps_the_newest_revision(self) -> None:
        seen = self.run_module("store.js", """
          const flushes = [], seen = [];
          const store = new m.Store((flush) => flushes.push(flush));
          store.load({values: {"a/b": 1}, rev: 5, boot: "x"});
          store.watch("a/b", (value) => seen.push(value));
          store.change({state: "a/b", value: 4, rev: 8});
          store.change({state: "a/b", value: 3, rev: 7});
          flushes.splice(0).forEach((flush) => flush());
          store.load({values: {"a/c": 0}, rev: 1, boot: "y"});
          flushes.splice(0).forEach((flush) => flush());
          return [seen, store.rev, store.has("a/b")];
        """)
        self.assertEqual(seen, [[1, 4, None], 1, False])

    def test_a_setter_sends_one_at_a_time_and_the_newest_last(self) -> None:
        sent = self.run_module("setter.js", """
          const sent = [];
          let answer;
          const setter = new m.Setter((value) => new Promise((done) => { sent.push(value); answer = done; }));
          const settled = new Promise((done) => { setter.onsettled = done; });
          for (const value of [1, 2, 3, 0]) setter.set(value);
          const first = [...sent];
          const go = setInterval(() => answer(), 5);
          await settled;
          clearInterval(go);
          return [first, sent, setter.idle];
        """)
        self.assertEqual(sent, [[1], [1, 0], True])

    def test_controls_stand_with_what_they_touch(self) -> None:
        groups = {
            "brightness": "Picture", "white_balance_temperature": "White balance", "gain": "Exposure",
            "red_gain": "White balance", "auto_exposure": "Exposure", "power_line_frequency": "Exposure",
            "focus_absolute": "Lens", "pan_absolute": "Lens", "ptz/pan": "Lens", "masks": "Privacy", "crop": "Picture",
            "overlay/size": "Overlay", "motion/zones": "Motion", "size": "Stream", "jpeg_quality": "Stream",
            "main/bitrate": "Main rendition", "sub/size": "Small rendition", "profile": "Profile", "led1_mode": "Other",
        }
        found = self.run_module("group.js", f"return {json.dumps(list(groups))}.map(m.groupOf)")
        self.assertEqual(dict(zip(groups, found, strict=True)), groups)

    def test_a_camera_comes_as_it_costs_least(self) -> None:
        ways = self.run_module("player/way.js", """
          const names = (wish) => m.waysOf(wish).map(([way]) => way);
          const hindered = m.hindrances({mse: false, webrtc: true, jpeg: true}, {webrtc: false});
          return [
            names({}), names({format: "mjpeg"}), names({format: "h264"}), names({format: "bgr"}),
            names({format: "bgr", hindered}), names({format: "mjpeg", chosen: "webrtc"}),
            names({format: "h264", failed: new Map([["mse", "no."]])}),
            m.waysOf({format: "h264", failed: new Map([["mse", "no."]])})[0][1],
          ];
        """)
        jpeg, video = ["jpeg", "mse", "webrtc"], ["mse", "webrtc", "jpeg"]
        self.assertEqual(ways[:4], [jpeg, jpeg, video, video])
        self.assertEqual(ways[4:7], [["jpeg"], ["webrtc", "jpeg", "mse"], ["webrtc", "jpeg"]])
        self.assertEqual(ways[7], "H.264 does not work here: no.")

    def test_video_stays_at_the_live_edge(self) -> None:
        chased = self.run_module(
            "player/edge.js", "return [0, 99.95, 99.8, 99.99, 100.3, 120].map((time) => m.chase(time, 101))"
        )
        self.assertEqual(chased[1:5], [{"rate": 1}, {"rate": 1.08}, {"rate": 0.92}, {"rate": 0.92}])
        for jump in (chased[0], chased[5]):
            self.assertAlmostEqual(jump["seek"], 99.97)

    def test_a_player_finds_the_ice_servers_in_a_link_header(self) -> None:
        found = self.run_module("player/ice.js", r"""
          return [
            m.iceServersIn(null), m.iceServersIn('<https://a/>; rel="next", <stun:a.lan>; rel="other"'),
            m.iceServersIn('<stun:a.lan:3478>; rel="ice-server", <turn:b?transport=tcp>; rel="ice-server"; '
              + 'username="a, \\"b\\""; credential="<c>;\\\\"; credential-type="password"'),
          ];
        """)
        self.assertEqual(found[:2], [[], []])
        self.assertEqual(found[2], [
            {"urls": "stun:a.lan:3478"},
            {"urls": "turn:b?transport=tcp", "username": 'a, "b"', "credential": "<c>;\\"},
        ])

    def test_what_is_drawn_lies_in_the_scene(self) -> None:
        found = self.run_module("view.js", """
          const shown = m.windowOf([0.5, 0, 0.5, 1], {pan: 1, tilt: 1, zoom: 2});
          return [shown, m.toPicture([0.75, 0.25], shown), m.toScene([1, 1], shown), m.windowOf(undefined)];
        """)
        self.assertEqual(found, [[0.75, 0, 0.25, 0.5], [0, 0.5], [1, 0.5], [0, 0, 1, 1]])
        found = self.run_module("shape.js", """
          const square = m.corners([0.5, 0.5, 0.25, 0.25]);
          return [
            m.stretched(square, 0, [-1, 0.7]), m.shifted(square, [1, -1]), m.grown(square, 3).at(-1),
            m.shrunk(m.shrunk(square, 0), 0).length, m.moved(square, 2, [2, 0.1])[2],
          ];
        """)
        self.assertEqual(found[0], [[0, 0.6875], [0.75, 0.6875], [0.75, 0.75], [0, 0.75]])
        self.assertEqual(found[1], [[0.75, 0], [1, 0], [1, 0.25], [0.75, 0.25]])
        self.assertEqual(found[2:], [[0.5, 0.625], 3, [1, 0.1]])

    def test_small_pictures_come_in_few_sizes(self) -> None:
        boxes = self.run_module("box.js", "return [100, 320, 340, 400, 5000].map(m.boxFor)")
        self.assertEqual(boxes, ["160x120", "320x240", "320x240", "480x360", "1280x960"])

    def test_rate_and_delay_are_those_of_late(self) -> None:
        figures = self.run_module("tally.js", """
          const tally = new m.Tally(1000), none = tally.figures(0);
          for (let at = 0; at <= 2000; at += 100) tally.note(at, at < 1500 ? 50 : 90);
          return [none, tally.figures(2000), tally.figures(9000).fps, tally.shown.length];
        """)
        self.assertEqual(figures, [{"fps": None, "delay": None}, {"fps": 10, "delay": 90}, None, 0])

    def test_labels_are_words(self) -> None:
        labels = {
            ("cameras/c/jpeg_quality", "Quality of JPEG pictures, where camd encodes them."): "JPEG quality",
            ("cameras/c/white_balance_automatic", "White Balance, Automatic"): "White balance, automatic",
            ("cameras/c/exposure_time_absolute", "Exposure Time, Absolute"): "Exposure time",
            ("cameras/c/fps", "Pictures per second."): "Frame rate",
            ("system/network_rx", ""): "Network received",
        }
        found = self.run_module(
            "label.js", f"return {json.dumps(list(labels))}.map(([name, doc]) => m.labelOf(name, {{doc}}))"
        )
        self.assertEqual(found, list(labels.values()))
        names = ["storage/days_left", "system/cpu", "webrtc/viewers", "onvif/uuid", "s3/state"]
        found = self.run_module("label.js", f"return {json.dumps(names)}.map((name) => m.fullLabelOf(name))")
        self.assertEqual(found, ["Storage days left", "CPU", "WebRTC viewers", "ONVIF UUID", "S3 state"])

    def test_the_wall_clock_in_words(self) -> None:
        clocks = [
            {"synchronised": True, "offset": -0.0003, "last_step": None},
            {"synchronised": False, "offset": None, "last_step": {"at": 1e9, "by": -90}},
            {"synchronised": None, "offset": None, "last_step": None},
        ]
        found = self.run_module("wallclock.js", f"return {json.dumps(clocks)}.map((clock) => m.wallClockInWords(clock))")
        self.assertEqual((found[0], found[2]), ("Synchronised, 300 µs off", "Taken for right"))
        self.assertRegex(found[1], "^Not synchronised; set 1 min 30 s back at .*2001")


def write_video(path: Path) -> None:
    """A second of JPEGs, moved into place whole."""
    import cv2
    import numpy

    pictures = [numpy.full((144, 256, 3), shade, numpy.uint8) for shade in range(0, 250, 10)]
    part = path.with_suffix(".part")
    part.write_bytes(b"".join(cv2.imencode(".jpg", picture)[1].tobytes() for picture in pictures))
    part.rename(path)
