"""Line: one track of a camera as RTP has it: its packets, made once for all, and who gets them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from ..media.policy import Policy
from ..media.stage import Stage
from ..media.stream import Stream
from ..wire import rtcp
from ..wire.rtp import AccessUnit, Packetiser

if TYPE_CHECKING:
    from ..media.camera import Camera


class Player(Protocol):
    """Who gets the packets of a Line, and what is reported about them."""

    def report(self, data: bytes) -> None: ...


class Line:
    """Reactor thread only. stream: the coded packets; stage: theirs as RTP packets; players: who plays it."""

    def __init__(self, camera: Camera, stream: Stream, packetiser: Packetiser):
        self.camera = camera
        self.stream = stream
        self.packetiser = packetiser
        self.stage: Stage = stream.derive(self._packetise)
        self.players: dict[Player, None] = {}

    @property
    def policy(self) -> Policy:
        """What a client gets that does not keep up."""
        raise NotImplementedError

    @property
    def is_used(self) -> bool:
        return self.stage.running

    def report(self, ends: bool = False) -> bytes | None:
        """RTCP for all who play; None before the first packet."""
        return rtcp.report(self.packetiser, f"camd@{self.camera.id}", time.time(), ends)

    def send_reports(self) -> None:
        report = self.report()
        for player in tuple(self.players):
            if report is not None:
                player.report(report)

    def _packetise(self, packet: object) -> AccessUnit | None:
        raise NotImplementedError
