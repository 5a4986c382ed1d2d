"""Backoff: how long a device is left alone after it failed."""

from __future__ import annotations

import random

from ..errors import SourceError

#: Waits between attempts to open a device that is there but fails (seconds).
BACKOFF = (0.5, 1.0, 2.0, 5.0)
#: One that is not there is looked for this often (seconds).
ABSENT = 1.0


class Backoff:
    """The waits of one camera: longer after each failure, until it works again."""

    def __init__(self) -> None:
        self._failures = 0

    def reset(self) -> None:
        """It works."""
        self._failures = 0

    def after(self, error: BaseException) -> float:
        """Seconds to wait after this failure. Where the source asks for a wait of its own it is spread, so that
        the cameras of a server that was away do not all come back in one moment."""
        wait, wish = ABSENT, None
        if not isinstance(error, SourceError) or error.state == "backoff":
            wait = BACKOFF[min(self._failures, len(BACKOFF) - 1)]
            self._failures += 1
        if isinstance(error, SourceError):
            wish = error.retry
        return wait if wish is None else max(wait, wish) * random.uniform(0.8, 1.2)
