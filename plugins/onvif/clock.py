"""Clock: the time of this machine as ONVIF tells it, and setting it where nothing else does."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from camd.clock import Clock as WallClock


class Clock:
    """The wall clock of the machine, which camd watches. Seconds since 1970, UTC."""

    def __init__(self, watched: WallClock):
        self._watched = watched

    def now(self) -> float:
        return time.time()

    def is_synchronised(self) -> bool:
        """Whether something (NTP, PTP) keeps it right, or nobody can tell that nothing does."""
        return self._watched.synchronised

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
