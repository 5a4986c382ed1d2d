"""Timer: one call that is due later, and can be put off or called off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Timer:
    """Reactor thread only. call(): what is due; it may start the Timer again."""

    def __init__(self, reactor: Any, call: Callable[[], Any]):
        self._reactor = reactor
        self._call = call
        self._due: Any = None

    @property
    def is_running(self) -> bool:
        return self._due is not None and self._due.active()

    def start(self, seconds: float) -> None:
        """Call in so many seconds from now, and not when it was due before."""
        if self.is_running:
            self._due.reset(seconds)
        else:
            self._due = self._reactor.callLater(seconds, self._call)

    def cancel(self) -> None:
        """Do not call; may be said at any time."""
        if self.is_running:
            self._due.cancel()
        self._due = None
