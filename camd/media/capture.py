"""Capture: the loop that reads one open source in a thread and hands pictures to the reactor."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred

from ..errors import SourceError
from .frame import INTER, PCM, Format, Frame, Packet
from .policy import Gop, Latest, Policy
from .source import Source, SourceSettings

if TYPE_CHECKING:
    from ..threads import Threads

#: The longest wait in one read: how soon a stop is noticed (seconds).
READ_TIMEOUT = 0.25
#: A silent device is a failure, even if its descriptor lives: after this (seconds), or so many frame intervals.
STALL, _INTERVALS = 1.5, 5
#: A device may take this long from open to its first picture (seconds).
FIRST_PICTURE = 8.0


def patience(fps: float) -> float:
    """How long a device of that rate may be silent (seconds). fps: 0 if nobody knows it."""
    return max(STALL, _INTERVALS / fps if fps > 0 else 0)


class Capture:
    """Opens a source, reads until stopped, closes it; all of that in one capture thread.

    The hand-over keeps the newest picture, of sound a bounded queue, and of coded video one cut at key frames: what
    the reactor had no time for is counted in `missed`. One callFromThread a picture, and none while one
    is under way. opened(format) and arrived(item) are called in the reactor thread.
    """

    def __init__(
        self,
        source: Source,
        settings: SourceSettings,
        opened: Callable[[Format], None],
        arrived: Callable[[Frame | Packet], None],
        reactor: Any,
    ):
        self.missed = 0
        self._source = source
        self._settings = settings
        self._opened = opened
        self._arrived = arrived
        self._reactor = reactor
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._waiting: Policy = Latest()
        self._what = "picture"
        self._called = False

    def start(self, threads: Threads) -> Deferred[None]:
        """Fires when the source is closed: with None after `stop`, else with why it failed."""
        return threads.capture(self._run)

    def stop(self) -> None:
        """Ask the loop to end; any thread. It does so within READ_TIMEOUT, unless the device hangs."""
        self._stopping.set()

    def _run(self) -> None:
        if self._stopping.is_set():
            return
        try:
            format = self._source.open(self._settings)
            self._waiting = Gop() if format.codec in INTER or format.codec == PCM else Latest()
            self._what = "sound" if format.codec == PCM else "picture"
            self._reactor.callFromThread(self._tell_opened, format)
            self._read(patience(format.fps))
        finally:
            self._source.close()

    def _read(self, stall: float) -> None:
        limit = max(FIRST_PICTURE, stall)
        heard = time.monotonic()
        while not self._stopping.is_set():
            item = self._source.read(READ_TIMEOUT)
            if item is not None:
                heard, limit = time.monotonic(), stall
                self._hand_over(item)
            elif time.monotonic() - heard > limit:
                raise SourceError(f"no {self._what} for {limit:.1f} s", state="stalled")

    def _hand_over(self, item: Frame | Packet) -> None:
        with self._lock:
            self.missed += self._waiting.put(item)
            called, self._called = self._called, True
        if not called:
            self._reactor.callFromThread(self._take_over)

    def _take_over(self) -> None:
        with self._lock:
            items = list(iter(self._waiting.take, None))
            self._called = False
        for item in items:
            if not self._stopping.is_set():
                self._arrived(item)

    def _tell_opened(self, format: Format) -> None:
        if not self._stopping.is_set():
            self._opened(format)
