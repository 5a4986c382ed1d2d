"""Clock: whether this machine knows what time it is, and setting it where it does not."""

from __future__ import annotations

import ctypes
import os
import time

#: Of adjtimex(2): the clock is not synchronised.
_TIME_ERROR = 5
#: struct timex is 208 bytes on 64-bit machines, and smaller elsewhere.
_TIMEX = 512


class Clock:
    """The wall clock of the machine. Seconds since 1970, UTC."""

    def now(self) -> float:
        return time.time()

    def is_synchronised(self) -> bool:
        """Whether the kernel says that something (NTP, PTP) keeps its clock right."""
        try:
            state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(_TIMEX))
        except (OSError, AttributeError):
            return False
        return 0 <= state < _TIME_ERROR

    def set(self, seconds: float) -> None:
        """Raises OSError, as a rule because a daemon may not do that."""
        time.clock_settime(time.CLOCK_REALTIME, seconds)

    def zone(self) -> str:
        """The time zone as POSIX writes it, for TZ ("CET-1CEST,M3.5.0,M10.5.0/3"); "UTC0" if unknown."""
        try:
            with open("/etc/localtime", "rb") as file:
                found = file.read(8192).rstrip(b"\n").rpartition(b"\n")[2].decode("ascii")
        except (OSError, UnicodeDecodeError):
            found = ""
        return os.environ.get("TZ") or found or "UTC0"
