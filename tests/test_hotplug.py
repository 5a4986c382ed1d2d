"""HotPlug: what is plugged in, in the State, with a kernel and a clock of the test's."""

from __future__ import annotations

import errno
from pathlib import Path as Folder

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from camd.config import CameraConfig
from camd.media.calls import LIMIT, MOST
from camd.sources.v4l2 import hotplug
from camd.sources.v4l2.hotplug import OFTEN, SOON, HotPlug
from camd.sources.v4l2.nodes import camera_of, nodes
from camd.state import State

from .fake_v4l2 import FakeCamera, FakeKernel


class Path:
    def __init__(self, name: bytes):
        self._name = name

    def basename(self) -> bytes:
        return self._name


def no_inotify(hotplug: HotPlug) -> None:
    raise OSError("none here")


class Looker:
    """As much of a camera as matters here."""

    def __init__(self, source: str):
        self.config = CameraConfig("x", source)
        self.looks = 0

    def look(self) -> None:
        self.looks += 1


class HotPlugTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.kernel = FakeKernel({})
        self.clock = Clock()
        self.state = State()
        self.cameras: dict[str, Looker] = {"other": Looker("test:"), "watched": Looker("v4l2:usb-99")}
        self.run_job = maybeDeferred
        self.patch(HotPlug, "_listen", no_inotify)
        self.hotplug = HotPlug(
            self.state, self.cameras, self.clock, self.do, self.kernel
        )

    def do(self, f, *args) -> Deferred:
        return self.run_job(f, *args)

    @property
    def changes(self) -> int:
        return self.cameras["watched"].looks

    @property
    def devices(self) -> list[dict]:
        return self.state["system/devices"].value

    def plug(self, number: int = 0, **facts) -> FakeCamera:
        camera = self.kernel.cameras[f"/dev/video{number}"] = FakeCamera(**facts)
        return camera

    def test_what_is_there_at_the_start(self) -> None:
        self.plug()
        self.hotplug.start()
        (device,) = self.devices
        modes = device.pop("modes")
        self.assertEqual(
            device,
            {
                "id": "usb-0000:00:14.0-1", "name": "Fake Camera", "address": "v4l2:usb-0000:00:14.0-1",
                "node": "/dev/video0", "camera": "",
            },
        )  # fmt: skip
        self.assertIn({"codec": "yuyv422", "width": 640, "height": 480, "rates": [60.0, 30.0, 15.0]}, modes)
        self.assertEqual(self.changes, 0)  # the cameras look by themselves at the start

    def test_one_comes_and_goes(self) -> None:
        self.hotplug.start()
        self.assertEqual(self.devices, [])
        self.plug()
        self.clock.advance(OFTEN)
        self.assertEqual(([one["node"] for one in self.devices], self.changes), (["/dev/video0"], 1))
        self.kernel.unplug()
        self.clock.advance(OFTEN)
        self.assertEqual((self.devices, self.changes), ([], 2))

    def test_devices_are_left_alone_while_nothing_happens(self) -> None:
        camera = self.plug()
        self.hotplug.start()
        asked = len(camera.log)
        self.clock.pump([OFTEN] * 5)
        self.assertEqual(len(camera.log), asked)

    def test_the_kernel_tells(self) -> None:
        self.hotplug.start()
        self.plug()
        self.hotplug._stir(None, Path(b"video0"), 0x100)
        self.clock.advance(SOON)
        self.assertEqual(len(self.devices), 1)
        # Another camera behind the very same node: only what it says is different.
        self.plug(card="Another")
        self.hotplug._stir(None, Path(b"video0"), 0x100)
        self.clock.advance(SOON)
        self.assertEqual(([one["name"] for one in self.devices], self.changes), (["Another"], 2))

    def test_other_nodes_are_nothing_to_us(self) -> None:
        self.hotplug.start()
        self.plug()
        self.hotplug._stir(None, Path(b"ttyUSB0"), 0x100)
        self.clock.advance(SOON)
        self.assertEqual(self.devices, [])

    def test_one_that_cannot_answer_yet_is_asked_again(self) -> None:
        camera = self.plug(open_error=errno.EACCES)
        self.hotplug.start()
        self.assertIn("group video", self.devices[0]["error"])
        self.assertNotIn("modes", self.devices[0])
        camera.open_error = 0
        self.clock.advance(OFTEN)
        self.assertEqual((self.devices[0]["name"], self.changes), ("Fake Camera", 1))

    def test_whose_it_is(self) -> None:
        for number in range(4):
            self.plug(number, bus=f"usb-{number}", card=f"Camera {number}")
        self.kernel.links["/dev/v4l/by-id/x"] = "/dev/video2"
        addresses = {"auto": "", "front": "usb-1", "link": "/dev/v4l/by-id/x", "absent": "usb-9"}
        self.cameras.clear()
        self.cameras |= {id: Looker(f"v4l2:{address}") for id, address in addresses.items()}
        self.hotplug.start()
        self.assertEqual([one["camera"] for one in self.devices], ["auto", "front", "link", ""])
        self.cameras["yard"] = Looker("v4l2:Camera 3")
        self.clock.advance(OFTEN)
        self.assertEqual([one["camera"] for one in self.devices], ["auto", "front", "link", "yard"])

    def test_numbers_that_are_swapped(self) -> None:
        self.plug(0, bus="usb-1")
        self.plug(1, bus="usb-2")
        self.cameras |= {"left": Looker("v4l2:usb-1"), "right": Looker("v4l2:usb-2")}
        self.hotplug.start()
        self.kernel.cameras = {
            "/dev/video0": self.kernel.cameras["/dev/video1"],
            "/dev/video1": self.kernel.cameras["/dev/video0"],
        }
        self.hotplug._stir(None, Path(b"video0"), 0x40)
        self.clock.advance(SOON)
        found = {one["id"]: (one["node"], one["camera"]) for one in self.devices}
        self.assertEqual(found, {"usb-1": ("/dev/video1", "left"), "usb-2": ("/dev/video0", "right")})

    def test_a_device_that_hangs(self) -> None:
        self.hotplug.start()
        hanging: list[Deferred] = []

        def hang(f, *args) -> Deferred:
            hanging.append(Deferred())
            return hanging[-1]

        self.plug()
        self.run_job = hang
        self.clock.pump([1] * 60)
        self.assertEqual((len(hanging), self.hotplug.calls.hanging), (MOST, MOST))
        self.run_job = maybeDeferred
        hanging[0].callback(None)
        self.clock.advance(OFTEN)
        self.assertEqual(len(self.devices), 1)
        self.assertGreater(60, LIMIT * MOST)

    def test_stop(self) -> None:
        self.hotplug.start()
        self.hotplug.stop()
        self.plug()
        self.clock.advance(OFTEN)
        self.assertEqual((self.devices, self.clock.getDelayedCalls()), ([], []))

    def test_without_inotify_it_is_looked_at(self) -> None:
        self.hotplug.start()
        self.assertFalse(self.hotplug.is_told)


class InotifyTests(SynchronousTestCase):
    """The kernel's own: a folder of the test's in the place of /dev."""

    def test_a_new_node_is_told(self) -> None:
        folder = Folder(self.mktemp())
        folder.mkdir()
        self.patch(hotplug, "FOLDER", str(folder))
        reactor = MemoryReactorClock()
        watch = HotPlug(State(), {}, reactor, lambda f, *args: Deferred(), FakeKernel({}))
        watch.start()
        self.addCleanup(watch.stop)
        if not watch.is_told:
            self.skipTest("no inotify here")
        told: list[bytes] = []
        for point in watch._inotify._watchpoints.values():
            point.callbacks[:] = [lambda _, path, mask: told.append(path.basename())]
        (folder / "video7").touch()
        watch._inotify.doRead()
        reactor.advance(0)
        self.assertEqual(set(told), {b"video7"})


class CameraOfTests(SynchronousTestCase):
    def test_an_id_in_full_comes_first(self) -> None:
        kernel = FakeKernel({f"/dev/video{n}": FakeCamera(bus=bus) for n, bus in enumerate(("usb-10", "usb-1"))})
        found = nodes(kernel)
        self.assertEqual(camera_of("usb-1", found).path, "/dev/video1")
        self.assertEqual(camera_of("usb-10", found).path, "/dev/video0")

    def test_a_shared_number_and_a_port(self) -> None:
        """Two cameras of one series: the port means the same camera whether the other one is there or not."""
        kernel = FakeKernel({f"/dev/video{n}": FakeCamera(bus=f"usb-{n}") for n in range(2)})
        for n in range(2):
            kernel.files[f"/sys/class/video4linux/video{n}/device/../serial"] = "0001"
        self.assertEqual([node.id for node in nodes(kernel)], ["usb-0", "usb-1"])
        kernel.unplug("/dev/video0")
        (other,) = nodes(kernel)
        self.assertEqual((other.id, camera_of("usb-1", [other])), ("0001", other))
        self.assertIsNone(camera_of("usb-0", [other]))

    def test_of_several_the_one_before_stays(self) -> None:
        kernel = FakeKernel({f"/dev/video{n}": FakeCamera(bus=f"usb-{n}") for n in range(2)})
        found = nodes(kernel)
        self.assertEqual(camera_of("Fake", found).path, "/dev/video0")
        self.assertEqual(camera_of("Fake", found, "usb-1").path, "/dev/video1")
        self.assertEqual(camera_of("auto", found, "usb-7").path, "/dev/video0")
