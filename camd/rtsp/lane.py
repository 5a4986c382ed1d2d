"""Lane: one track on its way to one client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import CamdError
from ..media.stream import Subscription
from ..wire import rtcp
from ..wire.rtp import AccessUnit
from .line import Line
from .transports import RtpTransport

KIND = "rtsp"


class Lane:
    """Reactor thread only. It belongs to a session.

    line: the track; transport: how it gets there, None once it is over; heard: when the client last said something
    about it by RTCP; drops: access units that the client was too slow for. on_first(lane, unit) may `begin` with this
    unit, else it is not sent, and gets the next one; on_end(lane): the track is gone.
    """

    def __init__(self, line: Line, reactor: Any, on_first: Callable[[Lane, AccessUnit], None],
                 on_end: Callable[[Lane], None]):
        self.line = line
        self.transport: RtpTransport | None = None
        self.heard = reactor.seconds()
        self.drops = 0
        self._reactor = reactor
        self._on_first = on_first
        self._on_end = on_end
        self._write: Callable[[AccessUnit], None] = self._wait
        self._subscription: Subscription | None = None

    @property
    def is_playing(self) -> bool:
        return self._subscription is not None

    def play(self, paused: bool) -> None:
        """Begin to send. paused: the client does not read at the moment."""
        self._write = self._wait
        line = self.line
        self._subscription = line.stage.subscribe(self._deliver, line.policy, KIND, lambda: self._on_end(self))
        if self.transport is not None:
            self.transport.subscription = self._subscription
        if paused:
            self._subscription.pauseProducing()
        line.players[self] = None

    def begin(self, ahead: bytes, unit: AccessUnit) -> None:
        """This unit is the first one; ahead: what goes before it, in the same write."""
        transport = self.transport
        if transport is not None:
            self._write = transport.write
            if self._subscription is not None:
                self._subscription.redirect(transport.write)
            transport.begin(ahead, self.line.report(), unit)

    def pause(self) -> None:
        """Send nothing until the next `play`."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            self.drops += subscription.drops
            subscription.close()
        if self.transport is not None:
            self.transport.subscription = None
        self.line.players.pop(self, None)

    def close(self, says_goodbye: bool = True) -> None:
        """It is over; may be called again."""
        if self.transport is None:
            return
        was_playing = self.is_playing
        self.pause()
        transport, self.transport = self.transport, None
        if says_goodbye and was_playing and (report := self.line.report(ends=True)) is not None:
            transport.report(report)
        transport.close()

    def hold(self, paused: bool) -> None:
        """The client of an interleaved session has stopped to read, or reads again."""
        if self._subscription is not None and self.transport is not None and self.transport.kind == "tcp":
            (self._subscription.pauseProducing if paused else self._subscription.resumeProducing)()

    def report(self, data: bytes) -> None:
        """RTCP of ours."""
        if self.transport is not None and self._write != self._wait:
            self.transport.report(data)

    def received(self, data: bytes) -> None:
        """RTCP of the client; what is none is nothing."""
        try:
            feedback = rtcp.parse(data)
        except CamdError:
            return
        self.heard = self._reactor.seconds()
        if feedback.keyframe and self.is_playing:
            self.line.stream.request_keyframe()

    def _deliver(self, unit: AccessUnit) -> None:
        self._write(unit)

    def _wait(self, unit: AccessUnit) -> None:
        if self.transport is not None:
            self._on_first(self, unit)
