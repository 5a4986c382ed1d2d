"""One fault after the other happens to a camera that somebody watches; it comes back from each, and nothing is
left of them."""

from __future__ import annotations

import os
import random
import statistics
import time
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from . import rest
from .fakecam import FakeCamera, frames
from .mjpeg_reader import MjpegReader, Picture
from .waiting import wait_for

_CONFIG = """
[cameras.cam1]
source = "v4l2:usb-fakecam-0"
"""
#: None of them is the default of the fake camera, and all of them is everything it has.
CONTROLS: dict[str, Any] = {
    "brightness": -20, "contrast": 40, "saturation": 90, "hue": 7, "white_balance_automatic": False,
    "gamma": 150, "power_line_frequency": "60 Hz", "white_balance_temperature": 3300, "sharpness": 5,
    "backlight_compensation": 2, "auto_exposure": "Manual Mode", "gain": 12, "exposure_time_absolute": 300,
    "exposure_dynamic_framerate": True, "pan_absolute": 3600, "tilt_absolute": -7200,
    "focus_automatic_continuous": False, "focus_absolute": 25, "zoom_absolute": 150,
}  # fmt: skip
#: Growth that is no leak: threads that the pools had not needed before, and what the allocator keeps for each of
#: them (bytes). It comes with the first faults; from the one with that number on, only this is left of it, and what
#: each thread takes that comes later still (bytes).
_THREADS, _KEPT = 2, 20_000_000
_SETTLED, _RIPPLE, _OF_A_THREAD = 50, 3_000_000, 6_000_000
#: A camera has to be live again within this, and half of the times within that, after its fault is over (s).
_LONGEST, _MEDIAN = 10.0, 3.0


def is_frame(picture: Picture) -> bool:
    return picture.data in frames()


class FaultTests(SynchronousTestCase):
    timeout = 3600
    seed = 4
    faults = 20

    def setUp(self) -> None:
        self.random = random.Random(self.seed)
        self.camera = FakeCamera("/dev/video0=mjpg:{frames}", shared=True)
        self.daemon = self.camera.daemon(_CONFIG)
        self.daemon.start()
        self.addCleanup(self.daemon.remove)
        self.addCleanup(self.daemon.stop)
        self.url = self.daemon.url
        self.times: dict[str, list[float]] = {}

    def test_nothing_is_left_of_them(self) -> None:
        wait_for(lambda: rest.camera(self.url)["state"] == "idle", what="the camera")
        self.set_all()
        with MjpegReader(self.url + "stream") as reader:
            self.reader = reader
            reader.next(is_frame)
            for fault in 2 * (self.unplug, self.stall, self.corrupt, self.slow):  # what is made for the first time
                fault()
            before = settled = self.figures()
            self.times.clear()
            done: list[str] = []
            try:
                for number in range(self.faults):
                    if number == _SETTLED:
                        settled = self.figures()
                    fault = self.random.choice((self.unplug, self.unplug, self.stall, self.corrupt, self.slow))
                    done.append(fault.__name__)
                    fault()
                self.assertEqual(reader.ended, 0)
            except BaseException as error:
                error.add_note(f"seed {self.seed}, after {' '.join(done[-20:])}\n{self.daemon.log[-3000:]}")
                raise
            after = self.figures()
        self.report(before, settled, after)
        threads, descriptors, memory = (now - then for now, then in zip(after, before, strict=True))
        self.assertLessEqual(threads, _THREADS)
        self.assertLessEqual(descriptors, 0)
        self.assertLess(memory, _KEPT)
        if self.faults > _SETTLED:
            self.assertLess(after[2] - settled[2], _RIPPLE + _OF_A_THREAD * (after[0] - settled[0]))
        for trouble in ("Traceback", "Unhandled"):
            self.assertNotIn(trouble, self.daemon.log)

    def report(self, before: tuple[int, ...], settled: tuple[int, ...], after: tuple[int, ...]) -> None:
        for kind, times in sorted(self.times.items()):
            middle, longest = statistics.median(times), max(times)
            print(f"\n{kind}: {len(times)} times, live again after {middle:.2f} s, {longest:.2f} s at most", end="")
            self.assertLess(longest, _LONGEST, kind)
            self.assertLess(middle, _MEDIAN, kind)
        print(f"\nthreads, descriptors, bytes: {before} before, {settled} settled, {after} after", flush=True)

    # -- the faults

    def unplug(self) -> None:
        """Away, with all its values lost when it comes back."""
        self.camera.fault(self.random.choice(("unplug", "unplug\nstall", "unplug\ncorrupt 1")))
        wait_for(lambda: rest.camera(self.url)["state"] == "absent", what="a camera that is away")
        self.forget_all()
        self.wait_a_while()
        self.over("unplugged")
        wait_for(lambda: self.device_values() == CONTROLS, what="all controls as they were")

    def stall(self) -> None:
        self.camera.fault("stall")
        self.reader.next(lambda picture: picture.data not in frames(), what="the card")
        self.wait_a_while()
        self.over("stalled")

    def corrupt(self) -> None:
        lost = rest.camera(self.url)["drops"]["device"]
        self.camera.fault(f"corrupt {self.random.randrange(1, 4)}")
        wait_for(lambda: rest.camera(self.url)["drops"]["device"] > lost, what="damaged pictures")
        self.wait_a_while()
        self.over("damaged")

    def slow(self) -> None:
        self.camera.fault(f"slow {self.random.randrange(2, 90)}")  # from 15 pictures a second to one in 3 seconds
        self.wait_a_while()
        self.over("slow")

    def over(self, kind: str) -> None:
        """The fault is over: how long it takes until there is a picture of the camera again."""
        self.reader.poll()
        self.camera.fault("")
        start = time.time()
        self.reader.next(lambda picture: is_frame(picture) and picture.taken > start, what=f"pictures, once {kind}")
        self.times.setdefault(kind, []).append(time.time() - start)

    def wait_a_while(self) -> None:
        """So that the fault meets the daemon at any moment of its rhythms."""
        end = time.monotonic() + self.random.uniform(0, 2.5)
        while time.monotonic() < end:
            self.reader.poll()
            time.sleep(0.02)

    # -- the controls

    def set_all(self) -> None:
        answer = rest.ask(self.url, {f"cameras/cam1/{name}": value for name, value in self.in_order()})
        self.assertEqual(answer.get("error"), None, answer)

    def in_order(self) -> list[tuple[str, Any]]:
        """The automatics first."""
        return sorted(CONTROLS.items(), key=lambda pair: "auto" not in pair[0])

    def forget_all(self) -> None:
        """What a camera without power does; by another program, for which it is plugged in."""
        self.camera.forget()

    def device_values(self) -> dict[str, Any]:
        return self.camera.values()

    # -- what it costs

    def figures(self) -> tuple[int, int, int]:
        """Threads, descriptors and resident bytes of the daemon."""
        process = Path(f"/proc/{self.daemon.pid}")
        memory = int((process / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        return len(list((process / "task").iterdir())), len(list((process / "fd").iterdir())), memory
