"""Plugins of other people: three distributions, installed with pip, in a real daemon. One is good, one
does not import, one raises in a hook."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.e2e.daemon import ROOT, Daemon

FIXTURES = ROOT / "tests" / "fixtures"
DISTRIBUTIONS = ("camd_ticker", "camd_broken_import", "camd_broken_hook")
CAMERA = """
[cameras.cam1]
source = "test:"
"""


class ThirdPartyTests(SynchronousTestCase):
    timeout = 120

    def setUp(self) -> None:
        for needed in ("pip", "setuptools"):
            if find_spec(needed) is None:
                raise SkipTest(f"{needed} is not installed")
        self.folder = Path(tempfile.mkdtemp(prefix="camd-third-party-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.install()
        path = os.pathsep.join([str(self.folder / "site"), str(ROOT)])
        self.daemon = Daemon(CAMERA, environment={"PYTHONPATH": path}, everyone=True)
        self.addCleanup(self.daemon.remove)

    def install(self) -> None:
        """Install the three into a folder of their own, without network."""
        for name in DISTRIBUTIONS:  # copies, for a build writes beside its sources
            shutil.copytree(FIXTURES / name, self.folder / name)
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        options = ["--no-deps", "--no-build-isolation", "--no-index", "--target", str(self.folder / "site")]
        sources = [str(self.folder / name) for name in DISTRIBUTIONS]
        done = subprocess.run([*pip, *options, *sources], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_in_a_running_daemon(self) -> None:
        self.daemon.start()
        self.addCleanup(self.daemon.stop)
        self.its_observable_ticks()
        self.its_route_answers()
        self.the_broken_ones_are_seen_in_state()
        self.the_broken_ones_are_seen_in_health()
        self.everything_else_works()

    def get(self, path: str) -> bytes:
        with urlopen(self.daemon.url.rstrip("/") + path, timeout=20) as answer:
            return answer.read()

    def ask(self, message: dict[str, Any]) -> dict[str, Any]:
        """One message of the API, by POST."""
        headers = {"Content-Type": "application/json"}
        request = Request(self.daemon.url + "api", json.dumps(message).encode(), headers)
        with urlopen(request, timeout=20) as answer:
            return json.loads(answer.read())

    def changes(self) -> Iterator[dict[str, Any]]:
        """What the WebSocket sends, as it comes."""
        where = urlsplit(self.daemon.url)
        connection = socket.create_connection((where.hostname, where.port), timeout=20)
        self.addCleanup(connection.close)
        connection.sendall(
            f"GET /api HTTP/1.1\r\nHost: {where.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        reader = connection.makefile("rb")
        self.addCleanup(reader.close)
        self.assertIn(b" 101 ", reader.readline())
        while reader.readline().strip():
            pass
        while True:  # frames of a server: not masked, and ours are not in parts (RFC 6455 5.2)
            _, length = reader.read(2)
            if length == 126:
                length = int.from_bytes(reader.read(2), "big")
            yield json.loads(reader.read(length))

    def its_observable_ticks(self) -> None:
        counts = (change["value"] for change in self.changes() if change["state"] == "ticker/count")
        first = next(counts)
        self.assertEqual(next(counts), first + 1)
        spec = self.ask({"schema": True})["schema"]["ticker/count"]
        self.assertEqual((spec["type"], spec["unit"]), ("int", "s"))

    def its_route_answers(self) -> None:
        before = int(self.get("/ticker"))
        self.assertGreaterEqual(self.ask({"get": ["ticker/count"]})["values"]["ticker/count"], before)

    def the_broken_ones_are_seen_in_state(self) -> None:
        values = self.ask({"get": ["plugins/*"]})["values"]
        self.assertEqual(values["plugins/ticker"], "ok")
        self.assertEqual(values["plugins/broken_import"], "alert")
        self.assertEqual(
            values["plugins/broken_import/reason"],
            "needs a_package_that_nobody_has: pip install a_package_that_nobody_has",
        )
        self.assertEqual(values["plugins/broken_hook"], "alert")
        self.assertEqual(
            values["plugins/broken_hook/reason"], "camd_services: RuntimeError: the lamp is on fire"
        )

    def the_broken_ones_are_seen_in_health(self) -> None:
        health = json.loads(self.get("/health"))
        self.assertEqual(health["status"], "degraded")
        self.assertIn("the lamp is on fire", health["checks"]["plugin broken_hook"])
        self.assertIn("pip install", health["checks"]["plugin broken_import"])
        self.assertEqual(health["checks"]["plugin ticker"], "ok")

    def test_the_command_line_lists_them(self) -> None:
        path = os.pathsep.join([str(self.folder / "site"), str(ROOT)])
        done = subprocess.run(
            [sys.executable, "-m", "camd", "plugins", "--json", "--config", str(self.daemon.config),
             "--data-dir", str(self.daemon.directory / "data")],
            env={**os.environ, "PYTHONPATH": path}, cwd=self.folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr)
        plugins = {plugin["name"]: plugin for plugin in json.loads(done.stdout)}
        self.assertEqual(
            (plugins["ticker"]["state"], plugins["ticker"]["distribution"]), ("ok", "camd-ticker")
        )
        self.assertEqual(plugins["broken_import"]["state"], "alert")
        self.assertIn("a_package_that_nobody_has", plugins["broken_import"]["reason"])

    def everything_else_works(self) -> None:
        self.assertTrue(self.get("/cam/cam1/snapshot.jpg").startswith(b"\xff\xd8"))
        self.assertIn(b"camd_camera_up", self.get("/metrics"))
        self.assertEqual(self.daemon.log.count("plugin broken_hook failed in camd_services"), 1)
