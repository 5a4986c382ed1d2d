"""Subscriptions: what waits for one client, and how it gets there.

A pull point is asked for messages and may let the asker wait; a consumer is told. Both are bounded: who does
not come for its messages loses the oldest, and after a while the subscription.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed

from camd.state import Permission, Principal

from .topic_filter import Filter
from .topics import Property
from .xml import Xml

#: Messages that wait for one client; the oldest goes first.
QUEUE = 256
#: Attempts to reach a consumer, one after the other, before its subscription ends.
ATTEMPTS = 5


class Subscription:
    """id: in its address. by: whose it is. until: when it ends, on the monotonic clock. used: when its client
    last did something. dropped: messages that did not fit."""

    def __init__(self, id: str, by: Principal, wanted: Filter, until: float, now: float):
        self.id = id
        self.by = by
        self.until = until
        self.used = now
        self.dropped = 0
        self.visit: Any = None
        self._wanted = wanted
        self._queue: deque[Xml] = deque()

    def wants(self, about: Property, value: str) -> bool:
        """Whether its client asked for this and may know it."""
        if about.camera:
            allowed = self.by.sees(about.camera)
        else:
            allowed = self.by.may(Permission.System_r)
        return allowed and self._wanted.matches(about, value)

    def push(self, message: Xml) -> None:
        if len(self._queue) >= QUEUE:
            self._queue.popleft()
            self.dropped += 1
        self._queue.append(message)
        self._wake()

    @property
    def is_waiting(self) -> bool:
        """Whether its client is there this very moment."""
        return False

    def end(self) -> None:
        """It is over; no more messages."""
        if self.visit is not None:
            self.visit.leave()
        self._queue.clear()

    def _wake(self) -> None: ...

    def _take(self, limit: int) -> list[Xml]:
        return [self._queue.popleft() for _ in range(min(limit, len(self._queue)))]


class PullPoint(Subscription):
    """Its client asks for messages."""

    def __init__(self, *about: Any):
        super().__init__(*about)
        self._asker: tuple[Deferred[list[Xml]], int, Any] | None = None

    @property
    def is_waiting(self) -> bool:
        return self._asker is not None

    def pull(self, limit: int, timeout: float, reactor: Any) -> Deferred[list[Xml]]:
        """The messages that wait, or the next one, or [] after `timeout` seconds. A second asker takes the
        place of the first, who gets []."""
        self._answer()
        if self._queue or timeout <= 0:
            return succeed(self._take(limit))
        asker: Deferred[list[Xml]] = Deferred(lambda _: self._forget(asker))
        self._asker = asker, limit, reactor.callLater(timeout, self._answer)
        return asker

    def end(self) -> None:
        super().end()
        self._answer()

    def _wake(self) -> None:
        self._answer()

    def _answer(self) -> None:
        if self._asker is None:
            return
        (asker, limit, call), self._asker = self._asker, None
        if call.active():
            call.cancel()
        asker.callback(self._take(limit))

    def _forget(self, asker: Deferred[list[Xml]]) -> None:
        """The client left."""
        if self._asker is not None and self._asker[0] is asker:
            if self._asker[2].active():
                self._asker[2].cancel()
            self._asker = None


class Consumer(Subscription):
    """Its client is told. tell(messages) -> Deferred: brings them there; over(self): it was not reached."""

    def __init__(
        self, *about: Any, tell: Callable[[list[Xml]], Deferred[None]], over: Callable[[Consumer], None]
    ):
        super().__init__(*about)
        self._tell = tell
        self._over = over
        self._busy = self._ended = False
        self._failures = 0

    def end(self) -> None:
        super().end()
        self._ended = True

    def _wake(self) -> None:
        if self._busy or self._ended or not self._queue:
            return
        self._busy = True
        messages = self._take(QUEUE)
        self._tell(messages).addCallbacks(self._told, self._failed, errbackArgs=(len(messages),))

    def _told(self, _: None) -> None:
        self._busy, self._failures = False, 0
        self._wake()

    def _failed(self, _: Any, lost: int) -> None:
        self._busy = False
        self.dropped += lost
        self._failures += 1
        if self._ended:
            return
        if self._failures >= ATTEMPTS:
            self._over(self)
        else:
            self._wake()
