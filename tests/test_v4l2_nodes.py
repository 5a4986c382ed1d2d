from __future__ import annotations

import errno
import json
import os
import subprocess

from twisted.trial.unittest import SynchronousTestCase

from camd.errors import SourceError
from camd.sources.v4l2 import abi as v4l2
from camd.sources.v4l2.device import Kernel, explain
from camd.sources.v4l2.nodes import devices, find, nodes, paths

from .fake_v4l2 import CAPTURE, FakeCamera, FakeKernel, fail

SYSFS = "/sys/class/video4linux"


def metadata() -> FakeCamera:
    """As UVC has it: the device captures video, this node does not."""
    return FakeCamera(device_caps=v4l2.CAP_STREAMING | 0x00800000, formats={})


class NodesTests(SynchronousTestCase):
    def test_by_number(self) -> None:
        kernel = FakeKernel({f"/dev/video{n}": FakeCamera() for n in (10, 2, 0)})
        self.assertEqual(paths(kernel), ["/dev/video0", "/dev/video2", "/dev/video10"])

    def test_no_dev(self) -> None:
        kernel = FakeKernel()
        kernel.listdir = lambda path: os.listdir("/nonexistent")
        self.assertEqual(paths(kernel), [])

    def test_only_capture_nodes(self) -> None:
        cameras = {
            "/dev/video0": metadata(),
            "/dev/video1": FakeCamera(),
            "/dev/video2": FakeCamera(caps=CAPTURE, device_caps=0),  # an old driver without device_caps
            "/dev/video3": FakeCamera(device_caps=CAPTURE | v4l2.CAP_VIDEO_M2M),
            "/dev/video4": FakeCamera(device_caps=v4l2.CAP_VIDEO_CAPTURE),
            "/dev/video5": FakeCamera(device_caps=CAPTURE | v4l2.CAP_IO_MC),
        }
        self.assertEqual([node.path for node in nodes(FakeKernel(cameras))], ["/dev/video1", "/dev/video2"])

    def test_description(self) -> None:
        kernel = FakeKernel()
        (entry,) = devices(kernel)
        self.assertEqual(
            {key: entry[key] for key in ("path", "name", "driver", "bus", "id")},
            {
                "path": "/dev/video0",
                "name": "Fake Camera",
                "driver": "uvcvideo",
                "bus": "usb-0000:00:14.0-1",
                "id": "usb-0000:00:14.0-1",
            },
        )
        mode = {"codec": "mjpeg", "width": 1280, "height": 720, "rates": [60.0, 30.0, 15.0]}
        self.assertIn(mode, entry["modes"])
        self.assertNotIn("error", entry)
        json.dumps(entry)
        self.assertEqual(kernel.fds, {})

    def test_serial_number(self) -> None:
        kernel = FakeKernel({"/dev/video0": FakeCamera(), "/dev/video2": FakeCamera()})
        kernel.files = {
            f"{SYSFS}/video0/device/../serial": "A1B2",
            f"{SYSFS}/video0/index": "0",
            f"{SYSFS}/video2/device/../serial": "A1B2",
            f"{SYSFS}/video2/index": "2",
        }
        self.assertEqual([node.id for node in nodes(kernel)], ["A1B2", "A1B2:2"])

    def test_a_serial_number_that_is_none(self) -> None:
        places = ("usb-1", "usb-2")
        kernel = FakeKernel({f"/dev/video{n}": FakeCamera(bus=bus) for n, bus in enumerate(places)})
        kernel.files = {f"{SYSFS}/video{n}/device/../serial": "01.00.00" for n in range(2)}
        self.assertEqual([node.id for node in nodes(kernel)], ["usb-1", "usb-2"])

    def test_nothing_that_tells_them_apart(self) -> None:
        kernel = FakeKernel({"/dev/video0": FakeCamera(bus=""), "/dev/video1": FakeCamera(bus="")})
        self.assertEqual([node.id for node in nodes(kernel)], ["/dev/video0", "/dev/video1"])

    def test_one_bad_node(self) -> None:
        cameras = {
            "/dev/video0": FakeCamera(open_error=errno.EACCES),
            "/dev/video1": FakeCamera(unplugged=True),
            "/dev/video2": FakeCamera(faults={"ENUM_FMT": [errno.EIO]}),
            "/dev/video3": FakeCamera(card="Good\xff"),
        }
        kernel = FakeKernel(cameras)
        kernel.files[f"{SYSFS}/video0/name"] = "Secret Camera"
        entries = devices(kernel)
        self.assertEqual([bool(entry.get("error")) for entry in entries], [True, True, True, False])
        self.assertEqual(entries[0]["name"], "Secret Camera")
        self.assertIn("group video", entries[0]["error"])
        self.assertIn("Input/output error", entries[2]["error"])
        self.assertEqual(entries[0]["modes"], [])


class FindTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.kernel = FakeKernel(
            {
                "/dev/video0": metadata(),
                "/dev/video1": FakeCamera(card="Grabber", bus="pci-1", formats={v4l2.fourcc("GREY"): {}}),
                "/dev/video2": FakeCamera(card="HD Webcam C525", bus="usb-1"),
                "/dev/video4": FakeCamera(card="Microscope", bus="usb-2"),
            }
        )
        self.kernel.files[f"{SYSFS}/video4/device/../serial"] = "SN-77"

    def test_addresses(self) -> None:
        for address, path in {
            "": "/dev/video2",
            "auto": "/dev/video2",
            "/dev/v4l/by-id/x": "/dev/v4l/by-id/x",
            "hd webcam": "/dev/video2",
            "Microscope": "/dev/video4",
            "SN-77": "/dev/video4",
            "usb-1": "/dev/video2",
        }.items():
            self.assertEqual(find(address, self.kernel), path)

    def test_none(self) -> None:
        error = self.assertRaises(SourceError, find, "C920", self.kernel)
        self.assertEqual(error.state, "absent")
        self.assertIn("no camera is called C920, found: Grabber (/dev/video1), HD Webcam C525", str(error))
        error = self.assertRaises(SourceError, find, "", FakeKernel({}))
        self.assertEqual(str(error), "there is no camera that camd can use, found: none")

    def test_none_that_may_be_opened(self) -> None:
        kernel = FakeKernel({"/dev/video0": FakeCamera(open_error=errno.EACCES)})
        error = self.assertRaises(SourceError, find, "auto", kernel)
        self.assertEqual(error.state, "backoff")
        self.assertIn("group video", str(error))


class ExplanationTests(SynchronousTestCase):
    def explain(self, code: int, *held_by: str) -> SourceError:
        kernel = FakeKernel()
        kernel.held_by = list(held_by)
        return explain(fail(code), "/dev/video0", "opening the camera", kernel)

    def test_absent(self) -> None:
        for code in (errno.ENODEV, errno.ENOENT, errno.ENXIO):
            self.assertEqual(self.explain(code).state, "absent")
            self.assertIn("/dev/video0 is not there", str(self.explain(code)))

    def test_busy(self) -> None:
        self.assertIn("in use by ffmpeg (pid 7);", str(self.explain(errno.EBUSY, "ffmpeg (pid 7)")))
        self.assertIn("in use by another program;", str(self.explain(errno.EBUSY)))

    def test_others(self) -> None:
        for code, words in {
            errno.ENOSPC: "USB bandwidth",
            errno.EACCES: "group video",
            errno.EPERM: "group video",
            errno.ENOTTY: "not a V4L2 camera",
            errno.EMFILE: "/dev/video0: opening the camera: Too many open files",
        }.items():
            self.assertIn(words, str(self.explain(code)))
            self.assertEqual(self.explain(code).state, "backoff")


class KernelTests(SynchronousTestCase):
    """What can be tried of the real one without a camera."""

    def test_holders(self) -> None:
        path = os.path.abspath(self.mktemp())
        os.symlink(path, f"{path}.link")
        with open(path, "w") as file, subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=file) as child:
            for name in (path, f"{path}.link"):
                self.assertEqual(Kernel().holders(name), [f"cat (pid {child.pid})"])
            child.stdin.close()
        self.assertEqual(Kernel().holders(path), [])

    def test_another_camera_of_our_own(self) -> None:
        path = os.path.abspath(self.mktemp())
        with open(path, "w"):
            self.assertEqual(Kernel().holders(path), [])
            with open(path):
                self.assertIn(f"(pid {os.getpid()})", Kernel().holders(path)[0])

    def test_read_text(self) -> None:
        self.assertEqual(Kernel().read_text("/nonexistent"), "")
        self.assertTrue(Kernel().read_text("/proc/self/comm"))

    def test_not_a_camera(self) -> None:
        path = os.path.abspath(self.mktemp())
        with open(path, "w") as file, self.assertRaises(OSError) as caught:
            Kernel().ioctl(file.fileno(), v4l2.native().querycap.number, bytearray(104))
        self.assertEqual(caught.exception.errno, errno.ENOTTY)
