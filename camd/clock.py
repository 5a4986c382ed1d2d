"""Clock: whether the wall clock of this machine is right, and when somebody sets it.

Two clocks are compared once a second. NTP's slow corrections move both of them, so their difference changes
only when the wall clock is set: that is a step.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from .state import Spec, State

#: Seconds between two looks.
INTERVAL = 1.0
#: Smaller steps (seconds) are added up until they are worth a word.
SMALLEST = 0.1
#: "The clock is not synchronised" (linux/timex.h).
_TIME_ERROR = 5
#: The kernel's offset counts nanoseconds, not microseconds (linux/timex.h).
_STA_NANO = 0x2000
#: systemd-timesyncd has this folder while it runs, and makes the file when it knows the time.
_TIMESYNC = Path("/run/systemd/timesync")


@dataclass(frozen=True, slots=True)
class ClockStep:
    """The wall clock was set. at: Unix seconds, by the new time; by: seconds, forward or (negative) back.

    was_right: the clock had been synchronised before, so what was noted then is right; else each time that
    was noted since the start of camd is wrong by `by`."""

    at: float
    by: float
    was_right: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """What the kernel says of its clock. synchronised: None if it does not tell; offset: seconds that it
    still corrects, None if nobody knows."""

    synchronised: bool | None
    offset: float | None = None


class _Timex(ctypes.Structure):
    """The beginning of struct timex (linux/timex.h), and more room than it needs on any machine."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 512),
    )


def read_kernel() -> Reading:
    """adjtimex(2), and what systemd-timesyncd says where a sandbox forbids that call. Takes microseconds; any
    thread. Nobody knows anything: the clock is taken for right."""
    timex = _Timex()
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.byref(timex))
    except (OSError, AttributeError):
        state = -1
    if state >= 0:
        is_right = state != _TIME_ERROR
        return Reading(
            is_right, timex.offset / (1e9 if timex.status & _STA_NANO else 1e6) if is_right else None
        )
    return Reading((_TIMESYNC / "synchronized").exists() if _TIMESYNC.is_dir() else None)


def read_wall() -> float:
    """Unix seconds."""
    return time.time()


def read_running() -> float:
    """Seconds since the machine was started, sleep included; nobody can set this clock."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Clock:
    """Reactor thread only. synchronised: whether the wall clock is right now; was_right: whether it has been
    since camd started. wall, running, kernel: the clocks, for tests."""

    log = Logger()

    def __init__(
        self,
        state: State,
        reactor: Any,
        wall: Callable[[], float] = read_wall,
        running: Callable[[], float] = read_running,
        kernel: Callable[[], Reading] = read_kernel,
    ):
        self._wall = wall
        self._running = running
        self._kernel = kernel
        self._on_step: list[Callable[[ClockStep], None]] = []
        self._on_right: list[Callable[[], None]] = []
        self._last_step: dict[str, float] | None = None
        self._difference = wall() - running()
        reading = kernel()
        self.synchronised = self.was_right = reading.synchronised is not False
        self._shown = state.declare(
            Spec(
                "system/clock",
                dict,
                doc="The wall clock: is it synchronised, what is still corrected, the last step.",
            )
        )
        self._publish(reading)
        self._ticker = LoopingCall(self.look)
        self._ticker.clock = reactor

    def start(self) -> None:
        self._ticker.start(INTERVAL)

    def stop(self) -> None:
        if self._ticker.running:
            self._ticker.stop()

    def on_step(self, callback: Callable[[ClockStep], None]) -> Callable[[], None]:
        """Call back when the wall clock was set, a second later at most; returns the function that ends
        it."""
        return _added(self._on_step, callback)

    def on_synchronised(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back when the clock is right for the first time since the start, after the step that made it
        so; never if it was right from the start. Returns the function that ends it."""
        return _added(self._on_right, callback)

    def look(self) -> None:
        """Compare, and tell whoever wants to know."""
        reading = self._kernel()
        self.synchronised = reading.synchronised is not False
        before = self._running()
        wall = self._wall()
        running = self._running()
        # Who was held up between the two clocks would see a step that was none: the next look is as good.
        difference = wall - (before + running) / 2
        by = difference - self._difference
        if abs(by) >= SMALLEST and running - before < SMALLEST / 2:
            self._difference = difference
            self._stepped(ClockStep(wall, by, self.was_right))
        if self.synchronised and not self.was_right:
            self.was_right = True
            self.log.info("the clock is right from now on")
            self._tell(self._on_right)
        self._publish(reading)

    def _stepped(self, step: ClockStep) -> None:
        self._last_step = {"at": round(step.at, 3), "by": round(step.by, 3)}
        self.log.warn("the clock was set by {by} s", by=f"{step.by:+.3f}")
        self._tell(self._on_step, step)

    def _tell(self, callbacks: list[Callable[..., None]], *args: Any) -> None:
        for callback in list(callbacks):
            try:
                callback(*args)
            except Exception:
                self.log.failure("somebody who waits for the clock failed")

    def _publish(self, reading: Reading) -> None:
        """The offset in hundredths: its last digits never rest, and each change goes to every client."""
        offset = None if reading.offset is None else round(reading.offset, 2) + 0.0
        self._shown.publish(
            {"synchronised": reading.synchronised, "offset": offset, "last_step": self._last_step}
        )


def _added(callbacks: list[Any], callback: Any) -> Callable[[], None]:
    callbacks.append(callback)
    return lambda: callbacks.remove(callback)
