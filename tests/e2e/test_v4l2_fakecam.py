"""The real V4L2 source, its real system calls, and the shared fake camera behind them."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from .daemon import ROOT
from .fakecam import workshop

SPEED = 1 / 30


class FakecamTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = workshop()

    def play(self, scenario: str, devices: str = "", **environment: str) -> dict:
        """Run a scenario in a child process; what it saw."""
        control = self.folder / "faults"
        control.write_text("")
        environment = {
            **os.environ,
            "LD_PRELOAD": str(self.folder / "fakecam.so"),
            "FAKECAM_DEVICES": devices or f"/dev/video0=mjpg:{self.folder}/frames;/dev/video1",
            "FAKECAM_CONTROL": str(control),
            "PYTHONPATH": str(ROOT),
            **environment,
        }
        command = [sys.executable, "-m", "tests.e2e.fakecam_scenarios", scenario]
        done = subprocess.run(
            command, check=False, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_mjpeg(self) -> None:
        seen = self.play("mjpeg")
        form = {"codec": "mjpeg", "width": 1280, "height": 720, "fps": 30.0, "full_range": False}
        self.assertEqual(seen["format"], form)
        files = (self.folder / "frames").iterdir()
        self.assertLessEqual(
            set(seen["hashes"]), {hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
        )
        self.assertGreater(len(set(seen["hashes"])), 5)
        self.assertAlmostEqual(seen["seconds"], (14 + seen["dropped"]) * SPEED, places=3)
        self.assertLess(seen["age"], 0.5)
        self.assertLess(seen["wall"], 0.05)
        self.assertEqual(seen["heavy"], [])

    def test_yuyv(self) -> None:
        seen = self.play("yuyv", FAKECAM_TIMECODE="1")
        form = {"codec": "yuyv422", "width": 640, "height": 480, "fps": 30.0, "full_range": False}
        self.assertEqual(seen["format"], form)
        self.assertEqual(seen["bytes"], 640 * 480 * 2)
        self.assertEqual(seen["timecodes"], seen["pts"])
        self.assertEqual(seen["taken"], 50)
        self.assertGreater(seen["brighter"], 30)

    def test_unplug_and_replug(self) -> None:
        seen = self.play("unplug")
        self.assertTrue(seen["noticed"])
        for what in ("read", "set", "present", "open"):
            self.assertEqual(seen[what]["state"], "absent", what)
            self.assertIn("/dev/video0 is not there", seen[what]["text"])
        self.assertEqual(seen["devices"], [])
        self.assertTrue(seen["back"])
        self.assertEqual(seen["pictures"], 3)

    def test_stall(self) -> None:
        seen = self.play("stall")
        self.assertTrue(seen["stalled"])
        self.assertEqual(seen["taken"], 7)
        self.assertLess(seen["seconds"], 0.5)  # although another thread waits one second for a picture
        self.assertEqual(seen["read"], [None])
        self.assertTrue(seen["again"])

    def test_corrupt(self) -> None:
        seen = self.play("corrupt")
        self.assertTrue(seen["whole"])
        self.assertGreater(seen["dropped"], 10)
        self.assertLessEqual(seen["missing"], seen["dropped"])
        self.assertLessEqual(seen["dropped"], seen["missing"] + 2)  # those before the first whole picture

    def test_corrupt_yuyv(self) -> None:
        seen = self.play("corrupt_yuyv")
        self.assertEqual(seen["sizes"], [640 * 480 * 2])
        self.assertGreaterEqual(seen["dropped"], 9)

    def test_slow_reader(self) -> None:
        seen = self.play("slow_reader")
        self.assertGreater(seen["dropped"], 5)
        self.assertEqual(seen["dropped"], seen["missing"])

    def test_controls(self) -> None:
        seen = self.play("controls")
        order = [name.removeprefix("control/") for name in seen["order"]]
        self.assertEqual(len(order), 19)
        for automatic, manual in (
            ("auto_exposure", "exposure_time_absolute"),
            ("auto_exposure", "gain"),
            ("white_balance_automatic", "white_balance_temperature"),
            ("focus_automatic_continuous", "focus_absolute"),
        ):
            self.assertLess(order.index(automatic), order.index(manual))
        self.assertEqual(seen["name"], "Fake Camera 0")
        self.assertEqual(seen["kinds"]["control/power_line_frequency"], "enum")
        self.assertEqual(seen["values"]["auto_exposure"], "Aperture Priority Mode")
        self.assertEqual(set(order), set(seen["values"]))
        self.assertIn('first set auto_exposure to "Manual Mode"', seen["refused"]["text"])
        self.assertEqual((seen["manual"], seen["exposure"], seen["closed"]), ("Manual Mode", 300, -20))
        self.assertEqual((seen["streaming"], seen["off"], seen["focus"]), (40, False, 25))
        expected = {"brightness": -20, "contrast": 40, "focus_absolute": 25, "exposure_time_absolute": 300}
        self.assertLessEqual(expected.items(), seen["after"].items())

    def test_busy(self) -> None:
        seen = self.play("busy")
        self.assertEqual(seen["second"]["state"], "backoff")
        self.assertIn("the camera is in use by", seen["second"]["text"])

    def test_nodes(self) -> None:
        devices = (
            f"/dev/video0=meta;/dev/video1=mjpg:{self.folder}/frames;/dev/video2=name:Second,yuyv:320x240"
        )
        seen = self.play("nodes", devices)
        first, second = seen["devices"]
        self.assertEqual(
            (first["path"], first["id"], first["driver"]), ("/dev/video1", "usb-fakecam-1", "fakecam")
        )
        self.assertEqual(
            second["modes"],
            [{"codec": "yuyv422", "width": 320, "height": 240, "rates": [60.0, 30.0, 15.0]}],
        )
        self.assertEqual((seen["auto"], seen["named"]), ("1280x720", "yuyv422"))
        self.assertEqual(seen["missing"]["state"], "absent")
