"""The built-in test camera: something to see, and to measure with, where no camera is."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from ..errors import SourceError
from ..hookspecs import hookimpl
from ..media.frame import Format, Frame
from ..media.source import Capabilities, Mode, Source, SourceSettings
from ..state.spec import Value
from .scene import Scene

DEFAULT_SIZE = (1280, 720)
DEFAULT_RATE = 30.0
_SIZES = ((3840, 2160), (1920, 1080), (1280, 720), (800, 600), (640, 480), (640, 360), (320, 240))
_RATES = (60.0, 30.0, 25.0, 15.0, 10.0, 5.0)


@hookimpl
def camd_sources() -> dict[str, Callable[[str], Source]]:
    return {"test": TestPicture}


class TestPicture:
    """A Source that draws its pictures; scheme "test".

    address: text to show instead of the camera's id, may be empty. Any even size from 160x120 to
    3840x2160, 1 to 60 frames a second; a wish beyond that gets the nearest.

    Frame n belongs to the moment `start + n / fps` of CLOCK_MONOTONIC. That moment is the frame's
    pts and its time code, so the rate does not drift and the age of a picture can be measured
    anywhere. A reader that is late gets the newest frame; those it missed are counted.

    clock, wall, wait: time.monotonic, time.time and a sleep, replaceable for tests.
    """

    __test__ = False  # the name is no invitation to test runners

    def __init__(
        self,
        address: str = "",
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        wait: Callable[[float], object] | None = None,
    ):
        self._address = address
        self._clock, self._wall = clock, wall
        self._wait = wait or threading.Event().wait
        self._scene: Scene | None = None
        self._start = 0.0
        self._fps = DEFAULT_RATE
        self._number = 0
        self._dropped = 0

    def probe(self) -> Capabilities:
        return Capabilities("Test picture", tuple(Mode("bgr", *size, _RATES) for size in _SIZES))

    def present(self) -> None:
        """Always there."""

    def open(self, settings: SourceSettings) -> Format:
        width = _even(settings.width or DEFAULT_SIZE[0], 160, 3840)
        height = _even(settings.height or DEFAULT_SIZE[1], 120, 2160)
        self._fps = float(min(max(settings.fps or DEFAULT_RATE, 1), 60))
        self._scene = Scene(self._address or settings.camera, width, height)
        self._start = self._clock()
        self._number = self._dropped = 0
        return Format("bgr", width, height, self._fps)

    def read(self, timeout: float) -> Frame | None:
        if self._scene is None:
            raise SourceError("the test picture is not open")
        now = self._clock()
        delay = self._due(self._number) - now
        if delay > timeout:
            self._wait(timeout)
            return None
        if delay > 0:
            self._wait(delay)
            now = self._clock()
        newest = max(self._number, math.floor((now - self._start) * self._fps))
        self._dropped += newest - self._number
        self._number = newest + 1
        microseconds = round(self._due(newest) * 1e6)
        pts = microseconds / 1e6
        wall = self._wall() - (now - pts)
        image = self._scene.draw(pts - self._start, microseconds, wall, newest)
        image.flags.writeable = False
        return Frame(image, pts, wall, self._clock())

    def set(self, name: str, value: Value) -> Value:
        raise SourceError(f"the test picture has no control {name!r}")

    def close(self) -> None:
        self._scene = None

    def dropped(self) -> int:
        return self._dropped

    def _due(self, number: int) -> float:
        """When the frame is due, on CLOCK_MONOTONIC; reckoned from the start, so errors never add up."""
        return self._start + number / self._fps


def _even(wish: int, least: int, most: int) -> int:
    return min(max(wish, least), most) // 2 * 2
