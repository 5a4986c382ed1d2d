"""The real V4L2 source, its real system calls, and the shared fake camera behind them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from . import rest
from .daemon import ROOT, Daemon
from .fakecam import FakeCamera, frames, workshop
from .mjpeg_reader import MjpegReader
from .test_faults import CONTROLS
from .waiting import wait_for
from .websocket import WebSocket

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

    def test_h264(self) -> None:
        if not shutil.which("ffmpeg"):
            self.skipTest("needs ffmpeg")
        file = self.folder / "pictures.h264"
        command = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", "testsrc2=s=320x240:r=30", "-frames:v", "60"]
        command += ["-c:v", "libx264", "-g", "15", "-keyint_min", "15", "-bf", "0", "-f", "h264", str(file)]
        if subprocess.run(command, check=False, timeout=60).returncode:
            self.skipTest("this ffmpeg has no libx264")
        seen = self.play("h264", f"/dev/video0=h264:{file}@320x240,yuyv:none")
        self.assertEqual((seen["format"]["codec"], seen["format"]["width"]), ("h264", 320))
        self.assertEqual(seen["keyframes"], [number for number in range(45) if number % 15 == 0])
        self.assertEqual(seen["sets"], [2, 2, 2])
        self.assertAlmostEqual(seen["longest"], SPEED, places=2)
        self.assertGreater(seen["shortest"], 0)

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


_TWO = """
[cameras.left]
source = "v4l2:usb-fakecam-0"

[cameras.right]
source = "v4l2:usb-fakecam-1"
"""


class PluggingTests(SynchronousTestCase):
    """A real daemon, and cameras that come and go."""

    timeout = 120

    def begin(self, toml: str, devices: str, fault: str = "", shared: bool = False) -> Daemon:
        self.camera = FakeCamera(devices, shared=shared)
        self.camera.fault(fault)
        self.daemon = self.camera.daemon(toml)
        self.daemon.start()
        self.addCleanup(self.daemon.remove)
        self.addCleanup(self.daemon.stop)
        self.url = self.daemon.url
        return self.daemon

    def state(self, name: str) -> Any:
        return rest.ask(self.url, {"get": [name]})["values"][name]

    def devices(self) -> dict[str, tuple[str, str]]:
        return {one["id"]: (one["node"], one["camera"]) for one in self.state("system/devices")}

    def test_a_new_one_appears_and_goes_within_two_seconds(self) -> None:
        self.begin('[cameras.own]\nsource = "test:"\n', "/dev/video0=yuyv:640x480;/dev/video1=meta", "unplug")
        self.assertEqual(self.state("system/devices"), [])
        with WebSocket(self.url) as page:
            page.send({"subscribe": ["system/devices"]})
            for number in range(5):
                self.camera.fault("unplug" if number % 2 else "")
                start = time.monotonic()
                change = page.change("system/devices", timeout=5)
                self.assertLess(time.monotonic() - start, 2.0)
                self.assertEqual([one["name"] for one in change["value"]], [] if number % 2 else ["Fake Camera 0"])
        (device,) = self.state("system/devices")
        self.assertEqual(
            (device["address"], device["node"], device["camera"]), ("v4l2:usb-fakecam-0", "/dev/video0", "")
        )
        (listed,) = json.loads(self.camd_devices())
        for ours, theirs in (("id", "id"), ("node", "path"), ("modes", "modes"), ("name", "name")):
            self.assertEqual(device[ours], listed[theirs])

    def camd_devices(self) -> str:
        environment = {**os.environ, **self.camera.environment, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "camd", "devices", "--json"]
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout

    def test_two_without_serial_numbers_stay_who_they_are_when_their_nodes_are_swapped(self) -> None:
        devices = "/dev/video0=name:Same Camera,mjpg:{frames};/dev/video1=name:Same Camera,yuyv:640x480"
        self.begin(_TWO, devices)
        wait_for(lambda: {self.state(f"cameras/{one}/state") for one in ("left", "right")} == {"idle"})
        before = {"usb-fakecam-0": ("/dev/video0", "left"), "usb-fakecam-1": ("/dev/video1", "right")}
        wait_for(lambda: self.devices() == before, what="both, with their cameras")
        rest.ask(self.url, {"cameras/left/brightness": -30, "cameras/right/brightness": 30})
        streams = [MjpegReader(f"{self.url}cam/{camera}/stream.mjpg") for camera in ("left", "right")]
        with streams[0] as left, streams[1] as right:
            self.camera.fault("unplug")
            wait_for(lambda: self.devices() == {}, what="none")
            self.camera.swap()
            self.camera.fault("")
            for reader in (left, right):
                reader.pictures(3)
            wait_for(lambda: self.state("cameras/left/state") == self.state("cameras/right/state") == "streaming")
        after = {"usb-fakecam-0": ("/dev/video1", "left"), "usb-fakecam-1": ("/dev/video0", "right")}
        wait_for(lambda: self.devices() == after, what="the same with other numbers")
        for camera, size, codec, value in (("left", "1280x720", "mjpeg", -30), ("right", "640x480", "yuyv422", 30)):
            found = [self.state(f"cameras/{camera}/{name}") for name in ("size", "format", "brightness")]
            self.assertEqual(found, [size, codec, value])

    def test_every_control_acts_and_comes_back(self) -> None:
        self.begin('[cameras.cam1]\nsource = "v4l2:usb-fakecam-0"\n', "/dev/video0=yuyv:640x480", shared=True)
        wait_for(lambda: self.state("cameras/cam1/state") == "idle")
        manual = ["exposure_time_absolute", "white_balance_temperature", "focus_absolute"]
        self.assertEqual(sorted(self.state("cameras/cam1/inactive")), sorted(manual))
        schema = rest.ask(self.url, {"schema": True})["schema"]
        for name, low, high, default in (("brightness", -64, 64, 0), ("exposure_time_absolute", 1, 5000, 157)):
            spec = schema[f"cameras/cam1/{name}"]
            self.assertEqual((spec["min"], spec["max"], spec["default"]), (low, high, default))
        refused = rest.ask(self.url, {"cameras/cam1/exposure_time_absolute": 300})
        self.assertIn('first set auto_exposure to "Manual Mode"', refused["message"])
        for name, value in sorted(CONTROLS.items(), key=lambda pair: "auto" not in pair[0]):
            answer = rest.ask(self.url, {f"cameras/cam1/{name}": value})
            self.assertEqual(answer["values"], {f"cameras/cam1/{name}": value})
        self.assertEqual(self.camera.values(), CONTROLS)
        wait_for(lambda: self.state("cameras/cam1/inactive") == [])
        self.camera.fault("unplug")
        wait_for(lambda: self.state("cameras/cam1/state") == "absent")
        self.camera.forget()
        self.camera.fault("")
        wait_for(lambda: self.camera.values() == CONTROLS, what="all of them, set again")

    def test_profiles_and_defaults(self) -> None:
        self.begin('[cameras.cam1]\nsource = "v4l2:usb-fakecam-0"\n', "/dev/video0=yuyv:640x480", shared=True)
        wait_for(lambda: self.state("cameras/cam1/state") == "idle")
        defaults = self.camera.values()
        rest.ask(self.url, {"cameras/cam1/profile": "microscopy"})
        values = self.camera.values()
        self.assertEqual((values["auto_exposure"], values["focus_automatic_continuous"]), ("Manual Mode", False))
        rest.ask(self.url, {"cameras/cam1/exposure_time_absolute": 900})
        saved = rest.ask(self.url, {"call": "profile.save", "args": {"camera": "cam1", "name": "slide 7"}})
        self.assertEqual(saved["result"][-1], "slide 7")
        rest.ask(self.url, {"call": "camera.reset", "args": {"camera": "cam1"}})
        self.assertEqual(self.camera.values(), defaults)
        self.daemon.stop()
        self.daemon.start()
        wait_for(lambda: self.state("cameras/cam1/state") == "idle")
        self.assertEqual((self.camera.values(), self.state("cameras/cam1/profile")), (defaults, ""))
        rest.ask(self.url, {"cameras/cam1/profile": "slide 7"})
        self.assertEqual(self.camera.values()["exposure_time_absolute"], 900)
        gone = rest.ask(self.url, {"call": "profile.delete", "args": {"camera": "cam1", "name": "slide 7"}})
        self.assertNotIn("slide 7", gone["result"])

    def test_a_driver_that_hangs(self) -> None:
        """Its thread is given up, and another one takes over when the device answers again."""
        self.begin('[cameras.cam1]\nsource = "v4l2:usb-fakecam-0"\n', "/dev/video0=mjpg:{frames}")
        with MjpegReader(self.url + "stream") as reader:
            reader.pictures(3)
            self.camera.hang()
            reader.until(lambda: self.state("cameras/cam1/state") == "stalled", what="a silent camera")
            refused = rest.ask(self.url, {"cameras/cam1/brightness": 3})  # takes its ten seconds, and has an answer
            self.assertIn("has not answered for 10 s", refused["message"])
            reader.until(lambda: self.metric("camd_camera_hanging_calls") >= 2, what="the capture given up")
            self.assertIn("a call to the device has not returned for", self.daemon.log)
            self.assertEqual(rest.fetch(self.url + "health").status, 200)
            self.camera.hang(False)
            start = time.time()
            reader.next(lambda picture: picture.data in frames() and picture.taken > start, what="the camera")
            self.assertLess(time.time() - start, 10.0)
            reader.until(lambda: self.metric("camd_camera_hanging_calls") == 0, what="all calls back")
            self.assertEqual(reader.ended, 0)
        self.assertGreaterEqual(self.metric("camd_camera_given_up_calls_total"), 2)

    def test_it_stops_while_the_driver_hangs(self) -> None:
        self.begin('[cameras.cam1]\nsource = "v4l2:usb-fakecam-0"\n', "/dev/video0=mjpg:{frames}")
        with MjpegReader(self.url + "stream") as reader:
            reader.pictures(3)
            self.camera.hang()
            reader.until(lambda: self.state("cameras/cam1/state") == "stalled", what="a silent camera")
        start = time.monotonic()
        self.daemon.stop()
        self.assertLess(time.monotonic() - start, 5.0)

    def metric(self, name: str) -> float:
        lines = rest.fetch(self.url + "metrics").body.decode().splitlines()
        return next(float(line.split()[-1]) for line in lines if line.startswith(name + "{"))
