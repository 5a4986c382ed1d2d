"""How late the event loop is: what everything in the reactor thread waits for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

#: Seconds between ticks. Four a second cost about 0.02 % of a core and find what people can feel.
TICK = 0.25


class LoopLag:
    """Has itself called at a known time and notes how much later it was. Reactor thread only.

    observe(seconds) is called with each lateness. now: monotonic seconds, since the reactor's own
    clock jumps when somebody sets the time.
    """

    def __init__(
        self, reactor: Any, observe: Callable[[float], None], now: Callable[[], float] = time.monotonic
    ):
        self._reactor = reactor
        self._observe = observe
        self._now = now
        self._call: Any = None
        self._due = 0.0
        self._worst = 0.0

    def start(self) -> None:
        self._due = self._now() + TICK
        self._call = self._reactor.callLater(TICK, self._tick)

    def stop(self) -> None:
        if self._call is not None and self._call.active():
            self._call.cancel()

    def take(self) -> float:
        """The worst since the last time this was asked; what is overdue at this moment included."""
        worst, self._worst = max(self._worst, self._now() - self._due), 0.0
        return max(worst, 0.0)

    def _tick(self) -> None:
        late = max(0.0, self._now() - self._due)
        self._worst = max(self._worst, late)
        self._observe(late)
        self.start()
