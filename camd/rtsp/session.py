"""Session: one client's use of one presentation, from SETUP to TEARDOWN."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from ..errors import CamdError
from ..media.stream import Subscription
from ..state.permission import Principal
from ..wire import rtcp
from ..wire.rtp import AccessUnit
from .presentation import Presentation
from .transports import RtpTransport

#: A session ends after so long without a word of its client (seconds).
TIMEOUT = 60
#: The answer to PLAY waits at most so long for the first picture (seconds).
FIRST_WAIT = 2.0
KIND = "rtsp"


class Session:
    """Reactor thread only. It belongs to the connection that made it, and to who that was.

    id: cannot be guessed; principal: whose it is; heard: when its client last said something by RTCP;
    drops: access units that the client was too slow for. on_end(session): the camera is gone.
    """

    def __init__(self, presentation: Presentation, principal: Principal, reactor: Any,
                 on_end: Callable[[Session], None]):
        self.id = secrets.token_hex(12)
        self.presentation = presentation
        self.principal = principal
        self.transport: RtpTransport | None = None
        self.heard = reactor.seconds()
        self.drops = 0
        self._reactor = reactor
        self._on_end = on_end
        self._write: Callable[[AccessUnit], None] = self._begin
        self._answer: Callable[[AccessUnit | None], bytes] | None = None
        self._send: Callable[[bytes], None] | None = None
        self._answered: Deferred[None] | None = None
        self._late: IDelayedCall | None = None
        self._subscription: Subscription | None = None

    @property
    def is_playing(self) -> bool:
        return self._subscription is not None

    def play(self, answer: Callable[[AccessUnit | None], bytes], send: Callable[[bytes], None],
             paused: bool = False) -> Deferred[None]:
        """Begin to send. answer(unit): the answer to PLAY, which tells the first access unit, if there is one
        soon; send: the way out of the answer alone; paused: the client does not read at the moment. Fires when
        the answer is on its way."""
        self._answer, self._send = answer, send
        self._answered = Deferred()
        self._write = self._begin
        self._late = self._reactor.callLater(FIRST_WAIT, self._give_up_waiting)
        presentation = self.presentation
        self._subscription = presentation.stage.subscribe(self._deliver, presentation.policy, KIND, self.end)
        if self.transport is not None:
            self.transport.subscription = self._subscription
        if paused:
            self._subscription.pauseProducing()
        presentation.players[self] = None
        return self._answered

    def pause(self) -> None:
        """Send nothing until the next PLAY."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            self.drops += subscription.drops
            subscription.close()
        if self.transport is not None:
            self.transport.subscription = None
        self.presentation.players.pop(self, None)
        self._stop_waiting()

    def close(self, says_goodbye: bool = True) -> None:
        """It is over; may be called again."""
        if self.transport is None:
            return
        was_playing = self.is_playing
        self.pause()
        transport, self.transport = self.transport, None
        if says_goodbye and was_playing and (report := self.presentation.report(ends=True)) is not None:
            transport.report(report)
        transport.close()

    def end(self) -> None:
        """There will be nothing more to send."""
        self._on_end(self)

    def hold(self, paused: bool) -> None:
        """The client of an interleaved session has stopped to read, or reads again."""
        if self._subscription is not None and self.transport is not None and self.transport.kind == "tcp":
            (self._subscription.pauseProducing if paused else self._subscription.resumeProducing)()

    def report(self, data: bytes) -> None:
        """RTCP of ours."""
        if self.transport is not None and self._write is not self._begin:
            self.transport.report(data)

    def received(self, data: bytes) -> None:
        """RTCP of the client; what is none is nothing."""
        try:
            feedback = rtcp.parse(data)
        except CamdError:
            return
        self.heard = self._reactor.seconds()
        if feedback.keyframe and self.is_playing:
            self.presentation.stream.request_keyframe()

    # -- the way out

    def _deliver(self, unit: AccessUnit) -> None:
        self._write(unit)

    def _begin(self, unit: AccessUnit) -> None:
        """The first one goes with the answer, in the same write."""
        transport = self.transport
        if transport is None:
            return
        self._write = transport.write
        answer = self._answer(unit) if self._answer is not None else b""
        self._answer = None
        transport.begin(answer, self.presentation.report(), unit)
        self._stop_waiting()

    def _give_up_waiting(self) -> None:
        answer, self._answer = self._answer, None
        if answer is not None and self._send is not None:
            self._send(answer(None))
        self._stop_waiting()

    def _stop_waiting(self) -> None:
        late, self._late = self._late, None
        if late is not None and late.active():
            late.cancel()
        answered, self._answered = self._answered, None
        if answered is not None:
            answered.callback(None)
