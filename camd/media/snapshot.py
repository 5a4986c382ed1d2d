"""Snapshot: one picture of a stream, as fresh as it was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred

from ..errors import Gone
from .frame import Encoding, Packet
from .stream import Subscription

if TYPE_CHECKING:
    from .camera import Camera

#: How long a picture is waited for (seconds).
PATIENCE = 5.0
#: How old it may be if nobody says (seconds): while a camera streams, nobody waits.
MAX_AGE = 1.0


def snapshot(
    camera: Camera, encoding: Encoding, reactor: Any, max_age: float | None = None
) -> Packet | Deferred[Packet]:
    """The newest picture if it is good, else a Deferred of the next one; cancel it if nobody waits any more.

    max_age: seconds at the moment of asking. A card is only given when the camera gives nothing better.
    Fails with Gone when there is no picture in time, or the camera goes. Reactor thread only.
    """
    newest = camera.newest(encoding)
    oldest = reactor.seconds() - (MAX_AGE if max_age is None else max_age)
    if newest is not None and not newest.card and newest.grabbed >= oldest:
        return newest
    return _Wait(camera, encoding, reactor, None if max_age is None else oldest).result


class _Wait:
    """A snapshot that has to come yet. oldest: when it may have been grabbed; None: whenever it comes."""

    def __init__(self, camera: Camera, encoding: Encoding, reactor: Any, oldest: float | None):
        self.result: Deferred[Packet] = Deferred(lambda _: self._end())
        self._camera = camera
        self._oldest = oldest
        self._timeout = reactor.callLater(PATIENCE, self._late)
        self._subscription: Subscription | None = None
        stream = camera.stream(encoding)
        self._subscription = stream.subscribe(self._arrived, kind="snapshot", on_end=self._gone)
        if self.result.called:  # it came at once
            self._subscription.close()

    def _arrived(self, packet: Packet) -> None:
        if packet.card or self._oldest is None or packet.grabbed >= self._oldest:
            self._end()
            self.result.callback(packet)

    def _late(self) -> None:
        self._end()
        self.result.errback(Gone(f"No picture within {PATIENCE:.0f} s"))

    def _gone(self) -> None:
        self._end()
        self.result.errback(Gone(f"The camera {self._camera.id} is gone"))

    def _end(self) -> None:
        if self._timeout.active():
            self._timeout.cancel()
        if self._subscription is not None:
            self._subscription.close()
