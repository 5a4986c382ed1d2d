"""`camd discover`: what it prints, whichever plugins search."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, ClassVar

from camd.errors import CamdError
from camd.hookspecs import Found, hookimpl
from camd.plugins import Plugins

from .test_cli import CliCase

CAMERA = Found("13d7", "Front door", "X1", "roof", ("http://10.1.0.7/x", "http://[fe80::7]/x"))


class DiscoverTests(CliCase):
    def plugins(self, **searches: Callable[..., Any]) -> None:
        """These are installed."""

        def discover(plugins: Plugins, blocked: tuple[str, ...]) -> None:
            for name, search in searches.items():
                module = ModuleType(name)
                module.camd_search = hookimpl(search)  # type: ignore[attr-defined]
                plugins.register(name, module)

        self.patch(Plugins, "discover", discover)

    def test_devices(self) -> None:
        waited = []
        self.plugins(one=lambda seconds: waited.append(seconds) or [CAMERA], two=lambda: [Found("2", "bare")])
        self.assertEqual(self.camd("discover", "--seconds", "0.5"), 0)
        self.assertEqual(
            self.out,
            "Front door  13d7  [X1, roof]\n    http://10.1.0.7/x\n    http://[fe80::7]/x\nbare  2\n",
        )
        self.assertEqual(waited, [0.5])
        self.assertEqual(self.camd("discover", "--json"), 0)
        self.assertEqual(json.loads(self.out)[0]["services"], list(CAMERA.services))

    def test_nothing(self) -> None:
        self.plugins(one=lambda seconds: [])
        self.assertEqual((self.camd("discover"), self.out), (0, ""))
        self.assertIn("3702", self.err)

    def test_nobody_searches(self) -> None:
        self.plugins()
        self.assertEqual(self.camd("discover"), 1)
        self.assertIn("`discovery` blocked", self.err)

    def test_it_cannot(self) -> None:
        def search() -> list[Found]:
            raise CamdError("there is no network to search")

        self.plugins(one=search)
        self.assertEqual(self.camd("discover"), 1)
        self.assertIn("plugin one: there is no network to search\n", self.err)
        self.flushLoggedErrors(CamdError)

    def test_how_long(self) -> None:
        for seconds in ("0", "-1", "61", "nan", "x"):
            self.assertEqual(self.camd("discover", "--seconds", seconds), 2)


class ProbeTests(CliCase):
    FOUND: ClassVar = {
        "name": "Dome", "manufacturer": "Maker", "model": "Dome", "firmware": "", "serial": "7", "axes": ["pan"],
        "imaging": {"brightness": [0, 1]}, "events": True, "picture": "",
        "profiles": [{"name": "main", "encoding": "H264", "width": 640, "height": 360, "stream": "rtsp://10.1.0.7/one"}],
        "camera": {"name": "Dome", "source": "rtsp://10.1.0.7/one", "onvif": "http://10.1.0.7/x", "username": "eva"},
    }  # fmt: skip

    def plugin(self, probe: Callable[..., Any] | None) -> None:
        def discover(plugins: Plugins, blocked: tuple[str, ...]) -> None:
            module = ModuleType("one")
            if probe is not None:
                module.camd_probe = hookimpl(probe)  # type: ignore[attr-defined]
            plugins.register("one", module)

        self.patch(Plugins, "discover", discover)

    def test_a_device(self) -> None:
        asked = []
        self.plugin(lambda url, username, password: asked.append((url, username, password)) or self.FOUND)
        self.patch(sys, "stdin", io.StringIO("word\n"))
        self.assertEqual(self.camd("probe", "10.1.0.7", "--user", "eva"), 0)
        self.assertEqual(asked, [("10.1.0.7", "eva", "word")])
        self.assertEqual(self.out, (
            "Dome  [Maker, Dome, 7]\n    main: H264 640x360  rtsp://10.1.0.7/one\n    pan, brightness, events\n"
            "To add it: camd camera add rtsp://10.1.0.7/one --onvif http://10.1.0.7/x --username eva --password\n"
        ))  # fmt: skip
        self.assertEqual(self.camd("probe", "10.1.0.7", "--json"), 0)
        self.assertEqual(asked[-1], ("10.1.0.7", "", ""))
        self.assertEqual(json.loads(self.out), self.FOUND)

    def test_none(self) -> None:
        def probe(url: str) -> dict[str, Any]:
            raise CamdError("10.1.0.7: Connection refused")

        self.plugin(probe)
        self.assertEqual(self.camd("probe", "10.1.0.7"), 1)
        self.assertIn("camd: 10.1.0.7: Connection refused", self.err)
        self.flushLoggedErrors(CamdError)
        self.plugin(None)
        self.assertEqual(self.camd("probe", "10.1.0.7"), 1)
        self.assertIn("`onvif_client` blocked", self.err)
