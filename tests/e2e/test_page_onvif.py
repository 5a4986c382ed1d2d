"""ONVIF on the page: a device of the network is found and added, and a recorder is told what it needs."""

from __future__ import annotations

import re
import socket
from functools import cache

from twisted.trial.unittest import SynchronousTestCase

from . import shared
from .browser import MISSING, Browser
from .daemon import PASSWORD, Daemon
from .test_page_recordings import ask

_CONFIG = """
rtsp = "tcp:{port}:interface=127.0.0.1"
[cameras.cam1]
name = "Workshop"
source = "test:"
size = "320x240"
fps = 5
"""
#: What a search finds depends on the network: here it is this camd itself, which is an ONVIF device as any other.
_FOUND = """
  const ask = window.fetch;
  window.fetch = (address, ...rest) => address !== "api/onvif/discover" ? ask(address, ...rest)
    : Promise.resolve(Response.json({devices: [{uuid: "1", name: "Shed", hardware: "X1", location: "roof",
        services: [location.origin + "/onvif/device_service"]}]}));
"""
_SOUGHT = "document.querySelector('.sought .found-device')"


@cache
def served() -> Daemon:
    """The daemon of all tests here: the page's and, as a device of the network, its other side, too."""
    daemon = Daemon(_CONFIG.format(port=free_port()), arguments=["--https", "off"], admin=True)
    shared.until_others(__name__, daemon.remove)
    daemon.start()
    shared.until_others(__name__, daemon.stop)
    return daemon


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@cache
def browser() -> Browser:
    """The browser of all tests here, in which the administrator is signed in."""
    one = Browser()
    shared.until_others(__name__, one.close)
    one.before(_FOUND)
    one.sign_in(served().url, "admin", PASSWORD)
    return one


class OnvifTests(SynchronousTestCase):
    skip = MISSING

    def setUp(self) -> None:
        self.daemon, self.browser = served(), browser()
        self.browser.open("about:blank")

    def secret(self) -> str:
        return ask(self.daemon, "GET", "api/users/admin/device-password")["device_password"]

    def test_a_device_is_found_and_added(self) -> None:
        self.browser.open(f"{self.daemon.url}#*")
        self.browser.wait("document.querySelector('[data-part=search]')")
        self.browser.click(".seeking [data-part=search]")
        self.browser.wait(_SOUGHT)
        self.assertIn("X1 · roof", self.browser.ask(f"{_SOUGHT}.innerText"))
        self.browser.click(".sought [data-part=add]")
        self.browser.wait("document.querySelector('.sought-login').checkVisibility()", timeout=20)
        self.assertIn("user name and a password", self.browser.ask(f"{_SOUGHT}.innerText"))
        self.browser.fill(".sought-login [name=username]", "admin")
        self.browser.fill(".sought-login [name=password]", self.secret() + "\n")
        self.browser.wait("document.body.dataset.view === 'camera'", timeout=20)
        [added] = [one for one in ask(self.daemon, "GET", "api/cameras")["cameras"] if one["id"] != "cam1"]
        self.addCleanup(ask, self.daemon, "DELETE", f"api/cameras/{added['id']}")
        self.assertEqual(self.browser.ask("decodeURIComponent(location.hash.slice(1))"), added["id"])
        self.browser.wait("document.querySelector('.caption .lamp').innerText === 'Live'", timeout=20)

    def test_what_a_recorder_needs(self) -> None:
        self.browser.open(f"{self.daemon.url}settings.html#recorders")
        self.browser.wait("document.querySelectorAll('.recipes .entry').length === 5")
        texts = "[...document.querySelectorAll('[data-section=recorders] .copyable-text')].map((one) => one.value)"
        port = re.search(r'tcp:(\d+)', self.daemon.config.read_text())[1]  # type: ignore[index]
        shown = self.browser.ask(texts)
        self.assertIn(self.daemon.url + "onvif/device_service", shown)
        self.assertIn(f"rtsp://127.0.0.1:{port}/cam1/main", shown)
        self.assertNotIn(self.secret(), shown)
        self.browser.click("[data-section=recorders] [data-part=device] [data-part=show]")
        self.browser.wait(f"{texts}.includes({self.secret()!r})")
        self.browser.click(".recipes .entry:nth-child(2) summary")
        recipe = self.browser.ask("document.querySelector('.recipes .entry:nth-child(2) pre').innerText")
        self.assertIn(f"rtsp://admin:DEVICE_PASSWORD@127.0.0.1:{port}/cam1/sub", recipe)
