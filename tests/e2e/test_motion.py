"""Motion with a real camera of 1280x720 and 30 pictures a second: how soon it is told, and what it costs."""

from __future__ import annotations

import threading
import time
from functools import cache
from itertools import pairwise
from pathlib import Path

import cv2
import numpy
from twisted.trial.unittest import SynchronousTestCase

from . import rest
from .fakecam import FakeCamera, workshop
from .mjpeg_reader import MjpegReader
from .waiting import wait_for
from .websocket import WebSocket

RATE = 30
#: Seconds of the loop: a still scene under a light that changes slowly, a block that crosses it, and again.
STILL, MOVING = 3.0, 1.0
LIMIT = 6.0  #: percent of a core
WINDOW = 5.0


def scenery() -> numpy.ndarray:
    coarse = numpy.random.default_rng(1).uniform(50, 160, (18, 32, 3)).astype(numpy.float32)
    return cv2.resize(coarse, (1280, 720), interpolation=cv2.INTER_CUBIC)


@cache
def film() -> tuple[Path, set[bytes]]:
    """A folder of JPEGs for one loop, and those with the block."""
    folder = workshop() / "film"
    folder.mkdir()
    still, random = scenery(), numpy.random.default_rng(2)
    noises = [random.normal(0, 6, still.shape).astype(numpy.float32) for _ in range(5)]
    with_block = set()
    count, moving = round((2 * STILL + MOVING) * RATE), round(MOVING * RATE)
    first = round(STILL * RATE)
    for number in range(count):
        light = 1 + 0.2 * numpy.sin(2 * numpy.pi * number / count)
        image = still * light
        if first <= number < first + moving:
            x = 100 + 30 * (number - first)
            image[300:420, x:x + 120] = 230 - image[300:420, x:x + 120]
        pixels = numpy.clip(image + noises[number % 5], 0, 255).astype(numpy.uint8)
        _done, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 85])
        (folder / f"{number:04}.jpg").write_bytes(data.tobytes())
        if first <= number < first + moving:
            with_block.add(data.tobytes())
    return folder, with_block


class MotionTests(SynchronousTestCase):
    timeout = 120

    def setUp(self) -> None:
        folder, self.with_block = film()
        self.camera = FakeCamera(f"/dev/video0=mjpg:{folder}")
        self.daemon = self.camera.daemon()
        self.daemon.start()
        self.addCleanup(self.daemon.remove)
        self.addCleanup(self.daemon.stop)
        self.url = self.daemon.url
        rest.ask(self.url, {"cameras/cam1/motion/hold": 1.0, "cameras/cam1/motion/enabled": True})
        wait_for(lambda: self.state("state") == "streaming", what="the camera streams")

    def state(self, name: str) -> object:
        return rest.ask(self.url, {"get": [f"cameras/cam1/{name}"]})["values"][f"cameras/cam1/{name}"]

    def test_a_block_is_told_in_half_a_second_and_nothing_else_is(self) -> None:
        arrivals: list[float] = []
        with MjpegReader(self.url + "stream") as reader, WebSocket(self.url) as socket:
            (client,) = reader.clients
            done = threading.Event()
            reading = threading.Thread(target=reader.until, args=(done.is_set, 60.0), daemon=True)
            reading.start()
            for _ in range(3):
                socket.change("cameras/cam1/motion", True)
                arrivals.append(time.monotonic())
                socket.change("cameras/cam1/motion", False)
            done.set()
            reading.join()
        shown = [picture.arrived for picture in client.pictures if picture.data in self.with_block]
        begins = [one for before, one in pairwise([0.0, *shown]) if one - before > STILL]
        self.assertEqual(len(begins), len(arrivals), "motion without a block, or a block without motion")
        delays = [told - begun for begun, told in zip(begins, arrivals, strict=True)]
        self.assertTrue(all(0 < delay < 0.5 for delay in delays), delays)

    def test_what_it_costs(self) -> None:
        """The processor time of the whole daemon, at its best: other things run on this computer, too."""
        costs: list[float] = []
        while not costs or (min(costs) >= LIMIT and len(costs) < 4):
            before, began = self.spent(), time.monotonic()
            threading.Event().wait(WINDOW)
            costs.append(100 * (self.spent() - before) / (time.monotonic() - began))
            self.assertGreater(self.state("measured_fps"), 20)
        self.assertLess(min(costs), LIMIT, costs)

    def spent(self) -> float:
        """Seconds of processor time since its start."""
        tasks = Path(f"/proc/{self.daemon.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9
