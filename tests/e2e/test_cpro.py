"""A client of the product at a real camd: it signs in, sets, hears, looks, and finds what it knows."""

from __future__ import annotations

import base64
import json
import os
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from twisted.trial.unittest import SynchronousTestCase

from .daemon import PASSWORD, Daemon
from .websocket import Refused, WebSocket

TOML = """
[cameras.front]
source = "test:"
size = "320x240"
[cameras.back]
source = "test:"
size = "640x480"
"""


class Client(WebSocket):
    """A WebSocket to any path. token: of the address."""

    def __init__(self, url: str, path: str, token: str = ""):
        self._target = path + (f"?token={token}" if token else "")
        super().__init__(url)

    def _upgrade(self, host: str, *_: object) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        self._socket.sendall(
            f"GET {self._target} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        status = self._reader.readline().decode()
        while self._reader.readline().strip():
            pass
        if " 101 " not in status:
            raise Refused(status, b"")

    def until(self, wanted: dict[str, Any]) -> None:
        """Read on to a message that has all this in it."""
        while (message := self.receive()) is not None:
            if wanted.items() <= message.items():
                return
        raise AssertionError(f"closed with {self.closed} before {wanted}")


class CproTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.daemon = Daemon(TOML, admin=True)
        self.addCleanup(self.daemon.remove)
        self.daemon.start()
        self.addCleanup(self.daemon.stop)

    def fetch(self, method: str, path: str, value: Any = None, token: str | None = None) -> tuple[int, Any]:
        """Status and body, which is parsed if it is JSON."""
        headers = {"Authorization": f"Bearer {self.daemon.token if token is None else token}"}
        body = None
        if value is not None:
            body, headers["Content-Type"] = json.dumps(value).encode(), "application/json"
        if token == "":
            del headers["Authorization"]
        request = Request(self.daemon.url.rstrip("/") + path, body, headers, method=method)
        try:
            answer = urlopen(request, timeout=20)
        except HTTPError as error:
            answer = error
        with answer:
            data = answer.read()
            is_json = answer.headers.get("Content-Type") == "application/json" and data
            return answer.status, json.loads(data) if is_json else data

    def connect(self, path: str, token: str = "") -> Client:
        client = Client(self.daemon.url, path, token)
        self.addCleanup(client.close)
        return client

    def test_one_client_after_the_other(self) -> None:
        self.it_signs_in_and_out()
        self.a_change_by_one_is_heard_by_all()
        self.the_heads_are_the_cameras()
        self.pictures_come()
        self.strangers_get_nothing()

    def it_signs_in_and_out(self) -> None:
        credentials = {"username": "admin", "password": PASSWORD}
        status, answer = self.fetch("POST", "/api/auth/login", credentials, token="")
        self.assertEqual((status, answer["user"]["role"]), (200, "administrator"))
        token = answer["access_token"]
        self.assertEqual(self.fetch("GET", "/api/info", token=token)[0], 200)
        self.assertEqual(self.fetch("POST", "/api/auth/refresh", {"refresh_token": token}, token="")[0], 200)
        self.assertEqual(self.fetch("POST", "/api/auth/logout", {}, token=token)[0], 200)
        self.assertEqual(self.fetch("GET", "/api/info", token=token)[0], 401)
        client = self.connect("/api/v1")
        self.assertEqual(client.ask({"get": ["brightness"]}), {"error": "Unauthorized"})
        self.assertTrue(client.ask(credentials)["authenticated"])
        client.send({"get": ["brightness"], "id": 1})
        client.until({"brightness": 50, "id": 1})

    def a_change_by_one_is_heard_by_all(self) -> None:
        product, native, camd = (self.connect(path, self.daemon.token) for path in ("/api/v1", "/api", "/api"))
        native.ask({"get": ["brightness"]})
        camd.ask({"get": ["system/version"]})

        def everybody_hears(percent: int) -> None:
            product.until({"brightness": percent})
            native.until({"state": "brightness", "value": percent})
            camd.until({"state": "cameras/front/brightness", "value": percent})

        product.send({"brightness": 61})
        everybody_hears(61)
        native.send({"brightness": 62})
        everybody_hears(62)
        camd.send({"cameras/front/brightness": 63})
        everybody_hears(63)
        confirmed = {"brightness": 64, "info": ["brightness"]}
        self.assertEqual(self.fetch("POST", "/api/v1", {"brightness": 64}), (200, confirmed))
        everybody_hears(64)
        self.assertEqual(self.fetch("POST", "/api", {"cameras/front/brightness": 65})[0], 200)
        everybody_hears(65)
        self.assertEqual(self.fetch("PUT", "/api/state/cameras/front/brightness", {"value": 66})[0], 200)
        everybody_hears(66)

    def the_heads_are_the_cameras(self) -> None:
        client = self.connect("/api/v1", self.daemon.token)
        heads = {"cam1-exists": True, "cam2-exists": True, "main-camera": 1, "resolution": "320x240"}
        self.fetch("GET", "/cam/front/snapshot.jpg")
        client.send({"get": list(heads), "id": 1})
        client.until({**heads, "id": 1})
        client.send({"main-camera": 2})
        client.until({"main-camera": 2, "info": ["main-camera"]})
        self.assertEqual(self.fetch("GET", "/api/camera/status")[1]["active_camera"], "back")
        client.send({"main-camera": 1})
        client.until({"main-camera": 1, "info": ["main-camera"]})

    def pictures_come(self) -> None:
        for path in ("/camera.jpeg", "/image", "/api/snapshot?quality=50"):
            status, picture = self.fetch("GET", path)
            self.assertEqual((status, picture[:2]), (200, b"\xff\xd8"), path)
        status, picture = self.fetch("GET", f"/api/snapshot?token={self.daemon.token}", token="")
        self.assertEqual((status, picture[:2]), (200, b"\xff\xd8"))

    def strangers_get_nothing(self) -> None:
        for path in ("/api/info", "/api/snapshot", "/api/camera/status", "/files", "/api/auth/apikeys"):
            self.assertEqual(self.fetch("GET", path, token="")[0], 401, path)
        self.assertEqual(self.fetch("POST", "/api/v1", {"get": ["fps"]}, token=""), (401, "Unauthorized"))
        self.assertRaises(Refused, self.connect, "/api/v1", "wrong")
        self.assertEqual(self.fetch("GET", "/ws", token="")[0], 404)
        self.assertNotIn(self.daemon.token, self.daemon.log)
