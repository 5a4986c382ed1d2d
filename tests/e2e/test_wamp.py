"""WAMP with the clients that people use: autobahn-python on Twisted and on asyncio, and autobahn-js."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import cv2
import numpy
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from .daemon import Daemon
from .waiting import wait_for

FOLDER = Path(__file__).parent
#: The JavaScript client, as npm knows it.
AUTOBAHN_JS = "autobahn@22.11.1"
CONFIG = """
https = "tcp:0:interface=127.0.0.1"
main_camera = "still"

[cameras.still]
source = "file:{picture}"

[cameras.other]
source = "test:"
size = "320x240"
fps = 5
"""


class WampTests(SynchronousTestCase):
    """One daemon with a still picture as its main camera: whoever gets a picture gets the same bytes."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir(parents=True)
        picture = self.folder / "still.jpg"
        noise = numpy.random.default_rng(7).integers(0, 255, (240, 320, 3), dtype=numpy.uint8)
        cv2.imwrite(str(picture), noise)
        self.picture = picture.read_bytes()
        self.digest = hashlib.sha256(self.picture).hexdigest()
        self.daemon = Daemon(CONFIG.format(picture=picture), admin=True)
        self.daemon.start()
        self.addCleanup(self.daemon.remove)
        self.addCleanup(self.daemon.stop)
        self.admin = self.daemon.token
        wish = {"name": "viewer", "permissions": ["Device_r", "Media_r"]}
        self.viewer = self.ask("api/tokens", wish)["token"]
        self.url = self.daemon.url.replace("http:", "ws:") + "wamp"

    def fetch(self, path: str, message: Any = None) -> bytes:
        body = None if message is None else json.dumps(message).encode()
        headers = {"Authorization": f"Bearer {self.admin}", "Content-Type": "application/json"}
        with urlopen(Request(self.daemon.url + path, body, headers), timeout=10) as answer:
            return answer.read()

    def ask(self, path: str, message: Any) -> Any:
        return json.loads(self.fetch(path, message))

    def run_client(self, command: list[str], tokens: dict[str, str], **environment: str) -> dict[str, Any]:
        """What the client saw: serializer -> name of the token -> things."""
        command = [*command, self.url, json.dumps(tokens)]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, **environment},
            check=False,
        )
        seen: dict[str, Any] = {}
        for line in done.stdout.splitlines():
            if line.startswith("["):
                serializer, name, things = json.loads(line)
                seen.setdefault(serializer, {})[name] = things
        names = {serializer: set(things) for serializer, things in seen.items()}
        wanted = {serializer: set(tokens) for serializer in ("cbor", "msgpack", "json")}
        self.assertEqual(names, wanted, f"{done.stdout}\n{done.stderr}\n{self.daemon.log}")
        return seen

    def check(self, seen: dict[str, Any], kinds: dict[str, str]) -> None:
        """Every serializer sees the same. kinds: serializer -> what a picture is there."""
        for serializer, level in (("cbor", "brightness"), ("msgpack", "contrast"), ("json", "saturation")):
            name = f"cameras/other/{level}"
            admin, viewer = seen[serializer]["admin"], seen[serializer]["viewer"]
            self.assertNotIn("failed", admin)
            self.assertNotIn("failed", viewer)
            self.assertEqual(admin["who"], ["admin", "ticket"])
            wish, readback, event, same_rev = admin["set"]
            self.assertEqual((readback, event, same_rev), (wish, wish, True))
            self.assertEqual(self.ask("api", {"get": [name]})["values"], {name: wish})
            self.assertEqual(admin["wrong"], ["wamp.error.invalid_argument", {"key": name}])
            self.assertEqual(admin["snapshot"], [kinds[serializer], self.digest])
            self.assertEqual(admin["stream"], [[self.digest] * 3, True])
            retained = admin["retained"]
            self.assertEqual(retained["cameras/other/source"], ["test:", "camd.state.cameras.other.source"])
            self.assertEqual({name.split("/")[1] for name in retained}, {"other"})
            self.assertIn(name, retained)
            for refused in ("register", "publish"):
                self.assertEqual(admin[refused], ["wamp.error.not_authorized", {}])
            self.assertEqual(admin["unknown"], ["wamp.error.no_such_procedure", {}])
            self.assertEqual(viewer["get"], [name])
            self.assertEqual(viewer["set"], ["wamp.error.not_authorized", {"key": name}])
            self.assertEqual(viewer["subscribe"], ["wamp.error.not_authorized", {"key": "plugins/wamp"}])
        self.assertEqual(self.fetch("cam/still/snapshot.jpg"), self.picture)
        self.nobody_is_left()

    def clients(self, kind: str) -> int:
        """How many there are of a kind; "wamp" are streams, "websocket" connections of all endpoints."""
        metrics = self.fetch("metrics").decode()
        found = re.search(rf'^camd_clients{{kind="{kind}"}} (\d+)', metrics, re.MULTILINE)
        return int(found[1]) if found else 0

    def nobody_is_left(self) -> None:
        wait_for(lambda: not (self.clients("wamp") or self.clients("websocket")), what="all clients gone")

    def python(self, loop: str) -> list[str]:
        return [sys.executable, str(FOLDER / "wamp_client.py"), loop]

    def test_autobahn_python(self) -> None:
        kinds = dict.fromkeys(("cbor", "msgpack", "json"), "bytes")
        for loop in ("twisted", "asyncio"):
            self.check(
                self.run_client(self.python(loop), {"admin": self.admin, "viewer": self.viewer}), kinds
            )

    def test_autobahn_js(self) -> None:
        modules = self.install_js()
        tokens = {"admin": self.admin, "viewer": self.viewer}
        command = ["node", str(FOLDER / "wamp_client.js")]
        seen = self.run_client(command, tokens, NODE_PATH=str(modules))
        self.check(seen, {"cbor": "Buffer", "msgpack": "Buffer", "json": "String"})

    def install_js(self) -> Path:
        for command in ("node", "npm"):
            if shutil.which(command) is None:
                raise SkipTest(f"{command} is not installed")
        prefix = self.folder / "js"
        prefix.mkdir()
        npm = ["npm", "install", "--prefix", str(prefix), "--ignore-scripts", "--no-audit", "--no-fund",
               "--fetch-retries=0", "--fetch-timeout=20000", AUTOBAHN_JS]  # fmt: skip
        done = subprocess.run(npm, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode:
            raise SkipTest(f"npm cannot install {AUTOBAHN_JS}: {done.stderr.strip()[-300:]}")
        return prefix / "node_modules"

    def test_a_viewer_that_vanishes(self) -> None:
        command = [*self.python("twisted"), self.url, json.dumps({"watcher": self.viewer})]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            try:
                for _ in range(3):  # one for each serializer
                    serializer, _, seen = json.loads(child.stdout.readline())
                    self.assertEqual(seen["pictures"], 1, serializer)
                self.assertEqual((self.clients("wamp"), self.clients("websocket")), (3, 3))
            finally:
                child.kill()
        self.nobody_is_left()

    def test_a_change_from_elsewhere(self) -> None:
        """Subscribers hear of what POST /api changes; with a token in the URL they need no ticket."""
        command = [*self.python("twisted"), f"{self.url}?token={self.viewer}", '{"listener": ""}']
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            try:
                for _ in range(3):
                    _, _, seen = json.loads(child.stdout.readline())
                    self.assertEqual(seen, {"listens": True, "who": ["admin", "anonymous"]})
                answer = self.ask("api", {"cameras/other/sharpness": 61})
                for _ in range(3):
                    _, _, seen = json.loads(child.stdout.readline())
                    self.assertEqual(seen["changed"], ["cameras/other/sharpness", 61, answer["rev"]])
            finally:
                child.kill()
        self.assertNotIn(self.viewer, self.daemon.log)

    def test_strangers(self) -> None:
        for token in ("", "wrong", "camd_wrong"):
            command = [*self.python("twisted"), self.url, json.dumps({"viewer": token})]
            done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
            self.assertEqual(done.stdout, "")
