"""camd as the client of ONVIF devices: one box adopts another over a cable, and devices that misbehave."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from camd_plugins.onvif_client.device import probe
from camd_plugins.onvif_client.peer import DeviceError, Peer
from twisted.trial.unittest import SynchronousTestCase

from .client import Client
from .daemon import Daemon
from .namespaces import Machines, inside, why_not
from .waiting import wait_for

CAMERA = '[cameras.cam1]\nsource = "test:"\nsize = "640x360"\nfps = 15\n'
PORTS = ["--https", "off", "--rtsp", "tcp:8554:interface=0.0.0.0"]
HTTP = "tcp:8080:interface=0.0.0.0"


class Box:
    """A camd in a network namespace."""

    def __init__(self, machine: str, toml: str = ""):
        self._machine = machine
        self.daemon = Daemon(toml, http=HTTP, arguments=PORTS, admin=True)

    def start(self) -> None:
        with inside(self._machine):
            self.daemon.start()

    def end(self) -> None:
        self.daemon.stop()
        self.daemon.remove()

    def __call__(self, method: str, path: str, value: Any = None) -> Any:
        client = Client("http://127.0.0.1:8080", Authorization=f"Bearer {self.daemon.token}")
        with inside(self._machine):
            return client(method, path, value)

    def state(self, name: str) -> Any:
        answer = self("GET", f"/api/state/{name}")
        return answer.json["value"] if answer.status == 200 else None

    def set(self, **values: Any) -> None:
        self("POST", "/api", {name.replace("__", "/"): value for name, value in values.items()})

    def call(self, name: str, **arguments: Any) -> Any:
        return self("POST", "/api", {"call": name, "args": arguments}).json


class BoxesTests(SynchronousTestCase):
    skip = why_not() or None
    timeout = 180

    def setUp(self) -> None:
        machines = Machines("camera", "recorder")
        self.addCleanup(machines.remove)
        machines.cable(("camera", "eth0", "10.77.3.1/24"), ("recorder", "eth0", "10.77.3.2/24"))
        self.camera, self.recorder = Box(machines["camera"], CAMERA), Box(machines["recorder"])
        for box in (self.camera, self.recorder):
            self.addCleanup(box.end)
            box.start()

    def adopt(self) -> None:
        """As the page does it: search, look, add."""
        found = wait_for(lambda: self.recorder("GET", "/api/onvif/discover").json["devices"], 30, "a device")
        (url,) = (one for one in found[0]["services"] if "10.77.3.1" in one)
        password = self.camera("GET", "/api/users/admin/device-password").json["device_password"]
        told = self.recorder(
            "POST", "/api/onvif/probe", {"url": url, "username": "admin", "password": password}
        ).json
        self.assertTrue(told["ok"], told)
        self.assertEqual((told["device"]["axes"], told["device"]["events"]), (["pan", "tilt", "zoom"], True))
        self.assertTrue(told["device"]["picture"].startswith("/9j/"), "a JPEG")
        added = self.recorder(
            "POST", "/api/cameras", {**told["device"]["camera"], "id": "door", "password": password}
        )
        self.assertEqual(added.status, 201, added.body)
        self.assertNotIn(password, self.recorder("GET", "/api/config").body.decode())

    def is_there(self) -> None:
        """Connected, with pictures."""
        wait_for(
            lambda: self.recorder.state("cameras/door/onvif/state") == "connected",
            40,
            self.recorder.daemon.log,
        )
        wait_for(lambda: self.recorder("GET", "/cam/door/snapshot.jpg").status == 200, 40, "a picture")

    def test_one_discovers_adopts_and_shows_the_other(self) -> None:
        self.adopt()
        self.is_there()
        with self.subTest("steered"):
            self.recorder.call("ptz.drive", camera="door", pan=0.5, tilt=0.0, zoom=0.5, seconds=20.0)
            wait_for(lambda: self.recorder.state("cameras/door/ptz/pan") > 0.1, what="the way to the right")
            self.recorder.call("ptz.stop", camera="door")
            wait_for(lambda: not self.recorder.state("cameras/door/ptz/moving"), what="rest")
            self.assertEqual(
                self.recorder.state("cameras/door/ptz/pan"), self.camera.state("cameras/cam1/ptz/pan")
            )
            self.recorder.call("ptz.go", camera="door", preset="home")
            wait_for(lambda: self.camera.state("cameras/cam1/ptz/pan") == 0.0, what="home")
        self.recorder.set(cameras__door__imaging__brightness=70.0)
        self.assertEqual(self.camera.state("cameras/cam1/brightness"), 70)
        self.camera.set(cameras__cam1__motion__enabled=True)
        wait_for(lambda: self.recorder.state("cameras/door/motion"), 20, "motion")

        self.camera.daemon.stop()
        wait_for(lambda: self.recorder.state("cameras/door/onvif/state") == "away", 30, "that it is away")
        self.assertIs(self.recorder.state("cameras/door/motion"), False)
        self.camera.start()
        self.is_there()
        wait_for(lambda: self.recorder.state("cameras/door/motion"), 20, "motion")
        self.assertEqual(self.camera.state("onvif/subscriptions"), 1)
        self.assertIn(self.recorder.daemon.stop(), (143, -15))
        self.assertEqual(self.camera.state("onvif/subscriptions"), 0, "it said good-bye")
        self.assertNotIn("abandoned", self.recorder.daemon.log)
        self.assertNotIn("Traceback", self.recorder.daemon.log)


class Stranger(ThreadingHTTPServer):
    """A device whose answers are `answer(handler, body)`. asked: (path, authorization) of each request."""

    daemon_threads = True

    def __init__(self, answer: Callable[[BaseHTTPRequestHandler, bytes], None]):
        self.asked: list[tuple[str, str]] = []

        class Talk(BaseHTTPRequestHandler):
            def do_POST(talk) -> None:
                body = talk.rfile.read(int(talk.headers["Content-Length"]))
                self.asked.append((talk.path, talk.headers.get("Authorization", "")))
                answer(talk, body)

            def log_message(talk, *_: Any) -> None: ...

        super().__init__(("127.0.0.1", 0), Talk)
        self.url = f"http://127.0.0.1:{self.server_port}/onvif/device_service"
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.shutdown()
        self.server_close()


def send(handler: BaseHTTPRequestHandler, status: int, body: bytes = b"", **headers: str) -> None:
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


class StrangerTests(SynchronousTestCase):
    timeout = 60

    def stranger(self, answer: Callable[[BaseHTTPRequestHandler, bytes], None]) -> Stranger:
        server = Stranger(answer)
        self.addCleanup(server.close)
        return server

    def refused(self, server: Stranger) -> str:
        return str(self.assertRaises(DeviceError, probe, server.url, ("eva", "word")))

    def test_digest(self) -> None:
        def answer(handler: BaseHTTPRequestHandler, body: bytes) -> None:
            given = dict(re.findall(r'(\w+)="?([^",]+)', handler.headers.get("Authorization", "")))

            def md5(text: str) -> str:
                return hashlib.md5(text.encode()).hexdigest()

            right = md5(f"{md5('eva:cam:word')}:n1:{given.get('nc')}:{given.get('cnonce')}:auth:"
                        f"{md5('POST:' + handler.path)}")  # fmt: skip
            if given.get("response") == right:
                send(handler, 200, b"<fine/>")
            else:
                send(
                    handler,
                    401,
                    WWW_Authenticate='Basic realm="cam", Digest realm="cam", qop="auth", nonce="n1"',
                )

        server = self.stranger(answer)
        right, wrong = Peer(server.url, ("eva", "word")), Peer(server.url, ("eva", "other"))
        for _ in range(2):
            self.assertEqual(right.post(server.url, b"<ask/>", "text/xml").content, b"<fine/>")
        self.assertEqual(len(server.asked), 3, "the second time it knows")
        self.assertEqual(wrong.post(server.url, b"<ask/>", "text/xml").status_code, 401)
        self.assertEqual(Peer(server.url).post(server.url, b"<ask/>", "text/xml").status_code, 401)
        self.assertFalse([how for _, how in server.asked if how.startswith("Basic")])

    def test_it_leads_elsewhere(self) -> None:
        server = self.stranger(lambda handler, body: send(handler, 302, Location="http://127.0.0.1:1/"))
        self.assertIn("GetSystemDateAndTime", self.refused(server))
        self.assertEqual(len(server.asked), 1)

    def test_what_is_no_answer(self) -> None:
        entity = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bb">]><a>&b;</a>'
        for body in (b"", b"<html>Login</html>", b"\xff\xfe\x00", entity, b"<a>" * 5000):
            server = self.stranger(lambda handler, _, body=body: send(handler, 200, body))
            self.refused(server)

    def test_an_answer_without_end(self) -> None:
        def answer(handler: BaseHTTPRequestHandler, body: bytes) -> None:
            handler.send_response(200)
            handler.end_headers()
            try:
                while True:
                    handler.wfile.write(b"<a/>" * 16384)
            except OSError:
                pass

        self.assertIn("too long", self.refused(self.stranger(answer)))

    def test_one_that_never_answers_is_left_at_once(self) -> None:
        begun, over = threading.Event(), threading.Event()
        self.addCleanup(over.set)

        def answer(handler: BaseHTTPRequestHandler, body: bytes) -> None:
            begun.set()
            over.wait(30)

        server = self.stranger(answer)
        one = Peer(server.url)
        failed: list[Exception] = []

        def ask() -> None:
            try:
                one.post(server.url, b"<ask/>", "text/xml")
            except DeviceError as error:
                failed.append(error)

        asking = threading.Thread(target=ask)
        asking.start()
        self.assertTrue(begun.wait(10))
        start = time.monotonic()
        one.close()
        asking.join(10)
        self.assertLess(time.monotonic() - start, 2)
        self.assertEqual(len(failed), 1)
        self.assertRaises(DeviceError, one.post, server.url, b"<ask/>", "text/xml")
