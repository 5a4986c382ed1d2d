"""docs/plugins.md shows how a plugin gets pictures as arrays; this is that plugin, at work."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy
from twisted.trial.unittest import SynchronousTestCase

from camd.app import CORE
from camd.config import CameraConfig
from camd.media import Format, Frame
from camd.testing import ThreadlessPool, app_for_tests

ROOT = Path(__file__).parent.parent
FILE = ROOT / "tests" / "fixtures" / "camd_bright" / "camd_bright.py"


def camd_bright() -> ModuleType:
    spec = importlib.util.spec_from_file_location("camd_bright", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class BrightTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.app = app_for_tests(Path(self.mktemp()), CORE)
        self.app.threads.pools["capture"] = ThreadlessPool(at_once=False)
        self.app.cameras.configure({"cam1": CameraConfig("cam1", "test:")})
        self.camera = self.app.cameras["cam1"]
        self.addCleanup(self.app.cameras.stop)
        plugin = camd_bright()
        for spec in plugin.camd_observables(self.app):
            self.app.state.declare(spec)
        (self.service,) = plugin.camd_services(self.app)
        self.service.startService()
        self.camera._opened(Format("bgr", 1280, 720, 30.0))

    def give(self, bright: int, seconds: float) -> list[int]:
        """Pictures of 1280x720 with so many bright columns, for so long; what was published."""
        image = numpy.full((720, 1280, 3), 100, numpy.uint8)
        image[:, :bright] = 250
        image.flags.writeable = False
        counted = []
        for number in range(round(30 * seconds)):
            self.camera._arrived(Frame(image, number / 30, number / 30, number / 30))
            counted.append(self.app.state["bright/pixels"].value)
        return counted

    def test_it_counts(self) -> None:
        self.assertEqual(self.give(640, 0.5)[-1], 160 * 180)  # fitted into 320 x 240: 320 x 180

    def test_only_what_it_asked_for_is_worked_on(self) -> None:
        self.give(640, 3.0)
        self.assertEqual(self.app.threads.jobs["encode"], 6 * 2)  # six pictures: scaled, counted

    def test_a_bug_is_logged_and_it_goes_on(self) -> None:
        self.service.count = lambda image: 1 / 0
        self.give(640, 1.0)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    def test_nothing_is_left_when_it_stops(self) -> None:
        self.assertEqual(self.camera.pipeline.clients(), {"plugin": 1})
        self.service.stopService()
        self.assertEqual(self.camera.pipeline.clients(), {})


class DocumentationTests(SynchronousTestCase):
    def test_the_plugin_shown_is_this_one(self) -> None:
        text = FILE.read_text()
        self.assertIn(f"```python\n{text}```", (ROOT / "docs" / "plugins.md").read_text())
        self.assertEqual(len([line for line in text.splitlines() if line.strip()]), 30)
