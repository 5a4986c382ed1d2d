"""Plugins of other people: three distributions, installed with pip, in a real daemon. One is good, one
does not import, one raises in a hook."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.e2e import rest
from tests.e2e.daemon import ROOT, Daemon
from tests.e2e.websocket import WebSocket

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
        self.daemon = Daemon(CAMERA, environment={"PYTHONPATH": path}, admin=True)
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
        answer = rest.fetch(self.daemon.url.rstrip("/") + path)
        self.assertEqual(answer.status, 200)
        return answer.body

    def ask(self, message: dict[str, Any]) -> dict[str, Any]:
        """One message of the API, by POST."""
        return rest.ask(self.daemon.url, message)

    def its_observable_ticks(self) -> None:
        with WebSocket(self.daemon.url) as client:
            first = client.change("ticker/count")["value"]
            self.assertEqual(client.change("ticker/count")["value"], first + 1)
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
