"""The microphone of the test camera: something to hear, and to measure with, where no microphone is."""

from __future__ import annotations

import math
import threading
import time
from array import array
from collections.abc import Callable
from functools import cache

from ..errors import SourceError
from ..hookspecs import hookimpl
from ..media.frame import PCM, Format, Packet
from ..media.sound import RATE, SAMPLE, Microphone
from ..media.source import SourceSettings

#: Of the tone: Hz, seconds, and its loudest sample, a quarter of what there is.
PITCH, LENGTH, LOUDNESS = 1000, 0.1, 8192
#: Samples of a block: 20 ms.
BLOCK = RATE // 50
#: The clock on the wall was set, if it is so far from where the sound is (seconds).
_SET = 0.02


@hookimpl
def camd_microphones() -> dict[str, Callable[[str], Microphone]]:
    return {"test": Beep}


class Beep:
    """A Microphone that hears a tone at each full second of the wall clock, by the test picture's; scheme "test".

    A reader that is late gets what it missed, up to a second of it; the rest is counted. clock, wall, wait:
    time.monotonic, time.time and a sleep, replaceable for tests.
    """

    def __init__(
        self,
        address: str = "",
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        wait: Callable[[float], object] | None = None,
    ):
        self._clock, self._wall = clock, wall
        self._wait = wait or threading.Event().wait
        self._start: float | None = None  # on the clock
        self._ahead = 0.0  # the clock on the wall is so far ahead of it
        self._number = 0
        self._dropped = 0

    def open(self, settings: SourceSettings) -> Format:
        self._start = self._clock()
        self._ahead = self._wall() - self._start
        self._number = self._dropped = 0
        return Format(PCM, 0, 0, RATE / BLOCK)

    def read(self, timeout: float) -> Packet | None:
        if self._start is None:
            raise SourceError("the beep is not open")
        end = self._start + (self._number + 1) * BLOCK / RATE
        late = self._clock() - end
        if late < 0:
            self._wait(min(-late, timeout))
            if -late > timeout:
                return None
        elif late > 1:
            missed = int(late * RATE / BLOCK)
            self._number += missed
            self._dropped += missed
        now = self._clock()
        if abs(self._wall() - now - self._ahead) > _SET:
            self._ahead = self._wall() - now
        pts = self._start + self._number * BLOCK / RATE
        self._number += 1
        wall = pts + self._ahead
        first = round(wall % 1 * RATE) % RATE * SAMPLE
        return Packet(_seconds()[first : first + BLOCK * SAMPLE], PCM, pts, wall, now)

    def close(self) -> None:
        self._start = None

    def dropped(self) -> int:
        return self._dropped


@cache
def _seconds() -> bytes:
    """The sound of a second, and of the beginning of the next one."""
    tone = [round(LOUDNESS * math.sin(2 * math.pi * PITCH * n / RATE)) for n in range(round(LENGTH * RATE))]
    second = array("h", [*tone, *[0] * (RATE - len(tone))]).tobytes()
    return second + second[: BLOCK * SAMPLE]
