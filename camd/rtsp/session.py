"""Session: one client's use of one presentation, from SETUP to TEARDOWN."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from ..media.timer import Timer
from ..state.permission import Principal
from ..wire.rtp import AccessUnit
from .lane import Lane
from .line import Line
from .presentation import Presentation

#: A session ends after so long without a word of its client (seconds).
TIMEOUT = 60
#: The answer to PLAY waits at most so long for the first picture (seconds).
FIRST_WAIT = 2.0


class Session:
    """Reactor thread only. It belongs to the connection that made it, and to who that was.

    id: cannot be guessed; principal: whose it is; lanes: by number of the track, pictures before sound.
    on_end(session): the camera is gone.
    """

    def __init__(self, presentation: Presentation, principal: Principal, reactor: Any,
                 on_end: Callable[[Session], None]):
        self.id = secrets.token_hex(12)
        self.presentation = presentation
        self.principal = principal
        self.lanes: dict[int, Lane] = {}
        self._reactor = reactor
        self._on_end = on_end
        self._answer: Callable[[AccessUnit | None], bytes] | None = None
        self._send: Callable[[bytes], None] | None = None
        self._answered: Deferred[None] | None = None
        self._late = Timer(reactor, self._give_up_waiting)
        self._begin = float("-inf")  # the time of the access unit that it began with

    def lane(self, line: Line) -> Lane:
        """A way for one more track; it is to be put into `lanes` once it has a transport."""
        return Lane(line, self._reactor, self._first, self._lane_ended)

    @property
    def is_playing(self) -> bool:
        return any(lane.is_playing for lane in self.lanes.values())

    @property
    def heard(self) -> float:
        """When its client last said something by RTCP."""
        return max((lane.heard for lane in self.lanes.values()), default=0.0)

    @property
    def kind(self) -> str:
        """Its transport, "tcp" or "udp"; "" without one."""
        return next((lane.transport.kind for lane in self.lanes.values() if lane.transport is not None), "")

    @property
    def drops(self) -> int:
        """Access units that the client was too slow for."""
        return sum(lane.drops for lane in self.lanes.values())

    def play(self, answer: Callable[[AccessUnit | None], bytes], send: Callable[[bytes], None],
             paused: bool = False) -> Deferred[None]:
        """Begin to send. answer(unit): the answer to PLAY, which tells the first access unit, if there is one
        soon; send: the way out of the answer alone; paused: the client does not read at the moment. Fires when
        the answer is on its way."""
        self._answer, self._send = answer, send
        answered = self._answered = Deferred()
        self._begin = float("-inf")
        self._late.start(FIRST_WAIT)
        for lane in tuple(self.lanes.values()):
            lane.play(paused)
        return answered

    def pause(self) -> None:
        """Send nothing until the next PLAY."""
        for lane in self.lanes.values():
            lane.pause()
        self._stop_waiting()

    def close(self, says_goodbye: bool = True) -> None:
        """It is over; may be called again."""
        for lane in self.lanes.values():
            lane.close(says_goodbye)
        self._stop_waiting()

    def _lane_ended(self, lane: Lane) -> None:
        """There will be nothing more to send; of sound alone, if its configuration says so."""
        others = {number: one for number, one in self.lanes.items() if one is not lane}
        if lane.line is self.presentation or not others:
            self._on_end(self)
        else:
            lane.close()
            self.lanes = others

    # -- the way out

    def begins(self, unit: AccessUnit | None) -> list[tuple[int, int | None, int | None]]:
        """For RTP-Info, of each track: its number, sequence number and timestamp of the first packet. unit: that
        of the first track; of others the moment is known, but not yet which packet it will be."""
        first = min(self.lanes)
        return [
            (number, None, None) if unit is None
            else (number, unit.sequence, unit.timestamp) if number == first
            else (number, None, self.lanes[number].line.packetiser.timestamp_at(unit.pts))
            for number in sorted(self.lanes)
        ]  # fmt: skip

    def _first(self, lane: Lane, unit: AccessUnit) -> None:
        """A lane may begin: the first track with the answer, in the same write; another one with what is no older."""
        if self._answer is None:
            if unit.pts >= self._begin:
                lane.begin(b"", unit)
        elif lane is self.lanes[min(self.lanes)]:
            answer, self._answer = self._answer(unit), None
            self._begin = unit.pts
            lane.begin(answer, unit)
            self._stop_waiting()

    def _give_up_waiting(self) -> None:
        answer, self._answer = self._answer, None
        if answer is not None and self._send is not None:
            self._send(answer(None))
        self._stop_waiting()

    def _stop_waiting(self) -> None:
        self._late.cancel()
        answered, self._answered = self._answered, None
        if answered is not None:
            answered.callback(None)
