"""The large picture: how it comes, how the camera is moved on it, and what is drawn on it."""

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
from .test_page import write_video

_CONFIG = """
[cameras.cam1]
name = "Workshop"
source = "test:"
size = "640x360"
fps = 30

[cameras.door]
name = "Front door"
source = "file:{video}"
"""
_SCREEN = "document.querySelector('.screen > :not(.vacant)')"
_KIND = f"{_SCREEN}?.tagName"
_WAY = "document.querySelector('.ways [data-part=way]').innerText"
_WHY = "document.querySelector('.ways [data-part=why]').textContent"
_CAM = "cameras/cam1"
_REMEMBER_PEER = """window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...args) { super(...args); window.peer = this; }
}"""


@cache
def served() -> Daemon:
    """The daemon of all tests here: one camera that gives pixels, one that gives JPEG."""
    directory = Path(tempfile.mkdtemp(prefix="camd-page-"))
    shared.until_others(__name__, shutil.rmtree, directory, ignore_errors=True)
    write_video(directory / "door.mjpeg")
    daemon = Daemon(_CONFIG.format(video=directory / "door.mjpeg"), arguments=["--https", "off"], admin=True)
    shared.until_others(__name__, daemon.remove)
    daemon.start()
    shared.until_others(__name__, daemon.stop)
    return daemon


@cache
def browser() -> Browser:
    """The browser of all tests here, in which the administrator is signed in."""
    one = Browser()
    shared.until_others(__name__, one.close)
    one.sign_in(served().url, "admin", PASSWORD)
    return one


class PictureCase(SynchronousTestCase):
    """The page anew, with nothing remembered."""

    skip = MISSING

    def setUp(self) -> None:
        self.daemon, self.browser = served(), browser()
        self.browser.shape(1280, 800)
        self.browser.driver.execute_script("localStorage.clear()")
        self.show("cam1")
        self.browser.errors()

    def show(self, camera: str) -> None:
        self.browser.open("about:blank")
        self.browser.open(f"{self.daemon.url}#{camera}")
        self.browser.wait(_SCREEN)

    def post(self, message: dict[str, Any]) -> dict[str, Any]:
        request = urllib.request.Request(self.daemon.url + "api", json.dumps(message).encode(),
                                         {"Content-Type": "application/json",
                                          "Authorization": f"Bearer {self.daemon.token}"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def value(self, name: str) -> Any:
        return self.post({"get": [name]})["values"][name]

    def wait_for(self, name: str, test: str) -> Any:
        """Until the page's field of a setting shows what makes `test` true; `value` is a number or text."""
        return self.browser.wait(
            f"(value => {test})((one => one && (one.valueAsNumber ?? one.value))(document.getElementById('set/{name}')))"
        )


class WayTests(PictureCase):
    """JPEG, H.264 over the page's connection, WebRTC."""

    def test_jpeg_of_a_camera_that_gives_it_and_video_of_one_that_does_not(self) -> None:
        self.browser.wait(f"{_KIND} === 'VIDEO' && {_WAY} === 'H.264'")
        self.assertIn("data", self.browser.ask(_WHY))
        video = "(({muted, playsInline, paused}) => [muted, playsInline, paused])"
        self.assertEqual(self.browser.ask(f"{video}({_SCREEN})"), [True, True, False])
        self.show("door")
        self.browser.wait(f"{_KIND} === 'CANVAS' && {_WAY} === 'JPEG'")
        self.assertIn("own pictures", self.browser.ask(_WHY))
        self.assertEqual(self.browser.errors(), [])

    def test_rate_and_delay_are_told_and_the_buffer_stays_small(self) -> None:
        self.browser.wait(f"{_KIND} === 'VIDEO'")
        self.browser.click(".ways summary")
        figures = "document.querySelector('.ways [data-part=figures]').innerText"
        self.browser.wait(f"{figures}.match(/^(29|30).* pictures a second, \\d+ ms/)")
        self.browser.wait("document.querySelector('[data-fact=delay]').innerText.match(/^\\d+ ms late$/)")
        self.browser.driver.execute_script(f"window.began = {_SCREEN}.currentTime")
        self.browser.wait(f"{_SCREEN}.currentTime > window.began + 9", timeout=20)
        self.assertLess(self.browser.ask(f"{_SCREEN}.buffered.end(0) - {_SCREEN}.buffered.start(0)"), 9)
        lag = self.browser.ask(f"{_SCREEN}.buffered.end(0) - 1 - {_SCREEN}.currentTime")
        self.assertLess(lag, 0.3)

    def test_another_way_is_chosen_and_remembered(self) -> None:
        self.browser.click(".ways summary")
        self.browser.click(".way input[value=jpeg]")
        self.browser.wait(f"{_KIND} === 'CANVAS' && {_WAY} === 'JPEG'")
        self.show("cam1")
        self.browser.wait(f"{_KIND} === 'CANVAS' && {_WAY} === 'JPEG'")
        self.browser.click(".ways summary")
        self.browser.click(".way input[value=auto]")
        self.browser.wait(f"{_KIND} === 'VIDEO'")

    def test_webrtc_if_it_is_there_else_something_else(self) -> None:
        there = self.value("plugins/webrtc") == "ok"
        self.browser.click(".ways summary")
        if not there:
            self.assertTrue(self.browser.ask("document.querySelector('.way input[value=webrtc]').disabled"))
            return
        self.post({"webrtc/ice_servers": [{"urls": "stun:127.0.0.1:9"}]})
        self.addCleanup(self.post, {"webrtc/ice_servers": []})
        self.browser.driver.execute_script(_REMEMBER_PEER)
        self.browser.click(".way input[value=webrtc]")
        self.browser.wait("window.peer?.getConfiguration().iceServers[0]?.urls.includes('stun:127.0.0.1:9')")
        self.browser.wait(f"{_WAY} === 'WebRTC' && {_SCREEN}?.srcObject && {_SCREEN}.videoWidth === 640", timeout=20)
        self.browser.wait(f"{_SCREEN}.currentTime > 0.5")
        self.post({"webrtc/enabled": False})
        self.addCleanup(self.post, {"webrtc/enabled": True})
        self.show("cam1")
        self.browser.wait(f"{_WAY} === 'H.264'")
        self.assertIn("WebRTC does not work here", self.browser.ask(_WHY))

    def test_a_browser_without_video_gets_pictures(self) -> None:
        other = Browser()
        self.addCleanup(other.close)
        other.before("delete window.MediaSource; delete window.ManagedMediaSource; delete window.RTCPeerConnection;")
        other.sign_in(self.daemon.url, "admin", PASSWORD, "#cam1")
        other.wait(f"{_KIND} === 'CANVAS' && {_WAY} === 'JPEG'")
        self.assertIn("no H.264", other.ask(_WHY))
        other.open("about:blank")

    def test_a_player_that_breaks_is_replaced(self) -> None:
        self.browser.wait(f"{_KIND} === 'VIDEO'")
        self.browser.driver.execute_script(f"{_SCREEN}.dispatchEvent(new Event('error'))")
        self.browser.wait(f"{_WAY} !== 'H.264' && {_SCREEN}")
        self.assertIn("H.264 does not work here", self.browser.ask(_WHY))


class HandTests(PictureCase):
    """What one does on the picture."""

    def setUp(self) -> None:
        super().setUp()
        neutral = {"masks": [], "crop": [0, 0, 1, 1], "motion/zones": [], "ptz/pan": 0, "ptz/tilt": 0, "ptz/zoom": 1,
                   "ptz/presets": {}}
        self.post({f"{_CAM}/{name}": value for name, value in neutral.items()})
        self.addCleanup(self.post, {f"{_CAM}/{name}": value for name, value in neutral.items()})
        self.wait_for(f"{_CAM}/ptz/zoom", "value === 1")

    def draw(self, name: str) -> None:
        self.browser.driver.execute_script("document.querySelectorAll('.group').forEach((one) => (one.open = true))")
        self.browser.click(f'[id="set/{_CAM}/{name}"]')
        self.browser.wait("document.querySelector('.drawing')")

    def test_a_button_that_is_held_moves_until_it_is_let_go(self) -> None:
        self.assertFalse(self.browser.ask("Boolean(document.querySelector('.pad'))"))
        self.browser.click("[data-part=move]")
        self.assertTrue(self.browser.ask("document.querySelector('[data-move=left]').disabled"))
        self.browser.hold("[data-move=in]", right=0)
        self.wait_for(f"{_CAM}/ptz/zoom", "value > 1.4")
        self.browser.let_go()
        self.browser.wait("!document.querySelector('[data-move=left]').disabled")
        self.browser.hold("[data-move=right]", right=0)
        self.wait_for(f"{_CAM}/ptz/pan", "value > 0.2")
        self.browser.let_go()
        self.browser.wait(
            f"fetch('api/state/{_CAM}/ptz/moving').then((answer) => answer.json()).then(({{value}}) => value === false)"
        )
        self.browser.click(".pad [data-part=home]")
        self.wait_for(f"{_CAM}/ptz/zoom", "value === 1")

    def test_wheel_click_and_pull(self) -> None:
        self.browser.click("[data-part=move]")
        self.browser.roll(".pad-reach", -400)
        self.wait_for(f"{_CAM}/ptz/zoom", "value > 1.9")
        self.browser.touch(".pad-reach", 200, -100)
        self.wait_for(f"{_CAM}/ptz/pan", "value > 0.2")
        self.wait_for(f"{_CAM}/ptz/tilt", "value > 0.2")
        place = self.value(f"{_CAM}/ptz/pan")
        self.browser.pull(".pad-reach", 250, 0)
        self.wait_for(f"{_CAM}/ptz/pan", f"value < {place - 0.2}")

    def test_places_are_kept_gone_to_and_forgotten(self) -> None:
        self.post({f"{_CAM}/ptz/zoom": 3})
        self.wait_for(f"{_CAM}/ptz/zoom", "value === 3")
        self.browser.fill('[aria-label="Name for the present place"]', "door\n")
        kept = "[...document.querySelectorAll('.preset')].find((one) => one.innerText.includes('door'))"
        self.browser.wait(kept)
        self.browser.click(".preset:first-child [data-part=go]")  # home
        self.wait_for(f"{_CAM}/ptz/zoom", "value === 1")
        self.browser.click(".preset:nth-child(2) [data-part=go]")
        self.wait_for(f"{_CAM}/ptz/zoom", "value === 3")
        self.browser.click(".preset:nth-child(2) [data-part=forget]")
        self.browser.wait(f"!{kept}")
        self.assertEqual(self.value(f"{_CAM}/ptz/presets"), {})

    def test_a_mask_is_drawn_by_mouse(self) -> None:
        self.draw("masks")
        self.browser.click(".drawing-bar [data-part=add]")
        self.browser.pull("[data-key='0/0']", -100, -50)
        self.browser.pull("[data-key='0+2']", 0, 60)  # a new point
        self.assertEqual(self.browser.ask("document.querySelectorAll('.drawing .point').length"), 5)
        self.assertEqual(self.value(f"{_CAM}/masks"), [])
        self.browser.click(".drawing-bar [data-part=save]")
        self.browser.wait("!document.querySelector('.drawing')")
        [mask] = self.value(f"{_CAM}/masks")
        self.assertEqual(len(mask), 5)
        self.assertLess(mask[0][0], 0.3)
        middle = f"""(() => {{
          const canvas = new OffscreenCanvas(64, 36).getContext("2d");
          canvas.drawImage({_SCREEN}, 0, 0, 64, 36);
          return [...canvas.getImageData(29, 16, 1, 1).data].slice(0, 3).every((one) => one < 12);
        }})()"""
        self.browser.wait(middle)
        self.browser.wait("document.activeElement.id.endsWith('/masks')")

    def test_a_zone_is_drawn_by_keyboard(self) -> None:
        self.draw("motion/zones")
        self.browser.wait("document.activeElement.dataset.part === 'add'")
        self.browser.press("\ue007")  # enter: the first point of the new area has the focus
        self.browser.wait("document.activeElement.dataset.key === '0/0'")
        self.browser.press("\ue012" * 6)  # arrow left
        self.browser.press("\ue004", "\ue017")  # tab, delete
        self.browser.wait("document.querySelectorAll('.drawing .point').length === 3")
        self.browser.click(".drawing-bar [data-part=save]")
        self.browser.wait("!document.querySelector('.drawing')")
        self.assertEqual(self.value(f"{_CAM}/motion/zones"), [[[0.3, 0.36], [0.56, 0.56], [0.36, 0.56]]])

    def test_escape_leaves_everything_as_it_was(self) -> None:
        self.draw("masks")
        self.browser.click(".drawing-bar [data-part=add]")
        self.browser.press("\ue00c")
        self.browser.wait("!document.querySelector('.drawing')")
        self.assertEqual(self.value(f"{_CAM}/masks"), [])

    def test_a_crop_is_drawn_and_taken_back(self) -> None:
        self.draw("crop")
        self.browser.pull("[data-key='0/0']", 200, 100)
        self.browser.click(".drawing-bar [data-part=save]")
        self.browser.wait("!document.querySelector('.drawing')")
        x, y, width, height = self.value(f"{_CAM}/crop")
        self.assertTrue(0.1 < x < 0.4 and 0.1 < y < 0.4, (x, y))
        self.assertAlmostEqual(x + width, 1, 3)
        self.assertAlmostEqual(y + height, 1, 3)
        self.browser.wait(f"{_SCREEN}.videoWidth < 600")
        self.draw("crop")
        self.browser.click(".drawing-bar [data-part=whole]")
        self.browser.click(".drawing-bar [data-part=save]")
        self.browser.wait("!document.querySelector('.drawing')")
        self.assertEqual(self.value(f"{_CAM}/crop"), [0, 0, 1, 1])
        self.assertEqual(self.browser.errors(), [])
