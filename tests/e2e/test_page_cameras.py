"""Cameras that come, change and go on the page, and the controls of one that is plugged in."""

from __future__ import annotations

import json
import urllib.request
from functools import cache
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from . import shared
from .browser import MISSING, Browser
from .daemon import PASSWORD, Daemon
from .fakecam import FakeCamera

_CONFIG = """
[cameras.cam1]
name = "Workshop"
source = "test:"
size = "320x240"
fps = 10
"""
_H1 = "document.querySelector('.stage h1').innerText"


@cache
def camera() -> FakeCamera:
    """What is plugged in, or not."""
    one = FakeCamera()
    one.fault("unplug /dev/video0")
    return one


@cache
def served() -> Daemon:
    """The daemon of all tests here; "admin" administers it."""
    daemon = Daemon(_CONFIG, arguments=["--https", "off"], admin=True, environment=camera().environment)
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


class CamerasTests(SynchronousTestCase):
    """Each test leaves one camera, cam1."""

    skip = MISSING

    def setUp(self) -> None:
        self.daemon, self.browser = served(), browser()
        self.addCleanup(self.tidy)
        self.show("*")
        self.browser.errors()

    def show(self, place: str) -> None:
        self.browser.open("about:blank")
        self.browser.open(f"{self.daemon.url}#{place}")
        self.browser.wait("document.body.dataset.phase === 'open' && document.querySelector('.group')")

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.daemon.token}"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.daemon.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read() or "null")

    def cameras(self) -> dict[str, Any]:
        return {camera["id"]: camera for camera in self.ask("GET", "api/cameras")["cameras"]}

    def tidy(self) -> None:
        camera().fault("unplug /dev/video0")
        for id in self.cameras():
            if id != "cam1":
                self.ask("DELETE", f"api/cameras/{id}")

    def plug_in(self) -> None:
        camera().fault("")

    def test_what_is_plugged_in_appears_and_is_added_with_one_click(self) -> None:
        self.assertTrue(self.browser.ask("document.getElementById('found').hidden"))
        self.plug_in()
        self.browser.wait("document.querySelector('.found-device')?.checkVisibility()", timeout=3)
        self.assertIn("/dev/video0", self.browser.ask("document.querySelector('.found-device').innerText"))
        self.browser.click(".found-device button")
        self.browser.wait(f"{_H1} === 'Fake Camera 0'")
        self.browser.wait("document.querySelector('.screen > :not(.vacant)')")
        self.browser.wait("document.getElementById('found').hidden")
        self.assertEqual(self.browser.ask("location.hash"), "#cam2")
        self.assertEqual(self.cameras()["cam2"]["name"], "Fake Camera 0")
        self.assertEqual(self.browser.errors(), [])

    def test_an_address_is_looked_into_and_added(self) -> None:
        self.browser.click(".adding [data-part=test]")
        self.assertTrue(self.browser.ask("document.querySelector('.adding [data-error=source]').innerText"))
        self.browser.fill("#adding-source", "test:Yard")
        self.browser.fill("#adding-name", "Yard")
        self.browser.click(".adding [data-part=test]")
        self.browser.wait("document.querySelector('.adding [data-part=message]').dataset.tone === 'good'")
        self.assertIn("3840 × 2160", self.browser.ask("document.querySelector('.modes').innerText"))
        self.assertNotIn("cam2", self.cameras())
        self.browser.click(".adding [type=submit]")
        self.browser.wait(f"{_H1} === 'Yard'")
        self.assertIn("cam2", self.cameras())

    def test_why_there_is_nothing_at_an_address(self) -> None:
        self.browser.fill("#adding-source", "rtsp://127.0.0.1:9/none")
        self.browser.fill("#adding-username", "me")
        self.browser.fill("#adding-password", "Secret-17")
        self.browser.click(".adding [data-part=test]")
        message = "document.querySelector('.adding [data-part=message]')"
        self.browser.wait(f"{message}.dataset.tone === 'bad' && {message}.innerText", timeout=15)
        text = self.browser.ask(f"{message}.innerText")
        self.assertIn("refuses", text)
        self.assertNotIn("Secret-17", text)

    def test_a_camera_is_renamed_switched_off_and_removed(self) -> None:
        self.ask("POST", "api/cameras", {"id": "yard", "name": "Yard", "source": "test:"})
        self.show("yard")
        self.browser.wait(f"{_H1} === 'Yard'")
        self.browser.fill('[id="set/cameras/yard/name"]', "\ue009a\ue000Garden\n")  # control and a: all of it
        self.browser.wait(f"{_H1} === 'Garden'")
        self.browser.click('[id="set/cameras/yard/state"]')
        self.browser.wait("document.querySelector('.caption .lamp').innerText === 'Off'")
        self.browser.click('[id="set/cameras/yard/state"]')
        self.browser.wait("document.querySelector('.caption .lamp').innerText === 'Live'")
        self.browser.click(".ending [data-part=remove]")
        self.browser.wait("document.querySelector('dialog[open]')")
        self.browser.click("dialog [data-part=no]")
        self.assertIn("yard", self.cameras())
        self.browser.click(".ending [data-part=remove]")
        self.browser.click("dialog [data-part=yes]")
        self.browser.wait("document.body.dataset.view === 'wall'")
        self.browser.wait("document.querySelectorAll('.wall-tiles li').length === 1")
        self.assertEqual(list(self.cameras()), ["cam1"])

    def test_a_camera_of_the_file_stays_and_says_why(self) -> None:
        self.show("cam1")
        self.browser.click(".ending [data-part=remove]")
        self.browser.click("dialog [data-part=yes]")
        self.browser.wait("document.querySelector('.ending [data-part=error]').innerText")
        self.assertIn("cam1", self.cameras())

    def test_who_may_not_sees_none_of_it(self) -> None:
        self.plug_in()
        self.browser.wait("document.querySelector('.found-device')", timeout=3)
        self.ask("POST", "api/users", {"username": "watcher", "password": "Another-horse-8", "role": "viewer"})
        other = Browser()
        self.addCleanup(other.close)
        other.sign_in(self.daemon.url, "watcher", "Another-horse-8", "#cam1")
        other.wait("document.querySelector('.group')")
        hidden = "document.getElementById('found').hidden && !document.querySelector('.ending, .adding, [data-part=move]:not([hidden])')"
        self.assertTrue(other.ask(hidden))

    def test_what_an_automatic_decides_is_grey_and_says_so(self) -> None:
        self.plug_in()
        self.browser.wait("document.querySelector('.found-device')", timeout=3)
        self.browser.click(".found-device button")
        self.browser.wait(f"{_H1} === 'Fake Camera 0'")
        control = "document.querySelector('[data-name=\"cameras/cam2/white_balance_temperature\"]')"
        self.browser.wait(f"{control}?.querySelector('input').disabled")
        self.assertIn("White balance, automatic", self.browser.ask(f"{control}.querySelector('[data-part=help]').innerText"))
        self.browser.click('[id="set/cameras/cam2/white_balance_automatic"]')
        self.browser.wait(f"!{control}.querySelector('input').disabled")
        self.assertEqual(self.browser.ask(f"{control}.querySelector('[data-part=help]').innerText"), "")

        brightness = "document.getElementById('set/cameras/cam2/brightness')"
        self.ask("PUT", "api/state/cameras/cam2/brightness", {"value": 20})
        self.browser.wait(f"{brightness}.valueAsNumber === 20")
        self.browser.fill('[aria-label="Name for a profile of the controls as they are"]', "Mine\n")
        profile = "document.getElementById('set/cameras/cam2/profile')"
        self.browser.wait(f"[...{profile}.options].some(({{text}}) => text === 'Mine')")
        self.browser.click(".presets [data-part=reset]")
        self.browser.click("dialog [data-part=yes]")
        self.browser.wait(f"{brightness}.valueAsNumber === 0 && {control}.querySelector('input').disabled")
