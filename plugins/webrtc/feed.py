"""Feed: the H.264 of one camera on its way to the child, once for all who watch it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from camd.media import Gop

from .framing import CLOCK
from .process import Process

if TYPE_CHECKING:
    from camd.media import Encoding, Packet, Stream

#: Somebody who asks for a key frame too soon after the last one gets it then (seconds).
_AGAIN = 1.0


class Feed:
    """Subscribes to a stream for as long as it has sessions. Reactor thread only.

    sessions: the ids of those who watch. on_end(feed): the camera is gone for good.
    """

    def __init__(
        self,
        number: int,
        camera: str,
        encoding: Encoding,
        stream: Stream,
        process: Process,
        reactor: Any,
        on_end: Callable[[Feed], None],
    ):
        self.number = number
        self.key = camera, encoding
        self.sessions: set[str] = set()
        self._stream = stream
        self._process = process
        self._reactor = reactor
        self._again: Any = None
        self._subscription = stream.subscribe(
            self._deliver, Gop(), kind="webrtc", on_end=lambda: on_end(self)
        )
        self.flow(process.paused)

    def flow(self, paused: bool) -> None:
        """The child reads too slowly: from here on the stream's policy decides what is left out."""
        if paused:
            self._subscription.pauseProducing()
        else:
            self._subscription.resumeProducing()

    def request_keyframe(self) -> None:
        """A viewer cannot go on without one."""
        if not self._stream.request_keyframe() and self._again is None:
            self._again = self._reactor.callLater(_AGAIN, self._ask_again)

    def close(self) -> None:
        self._subscription.close()
        if self._again is not None:
            self._again.cancel()
            self._again = None
        self._process.tell({"do": "forget", "feed": self.number})

    def _ask_again(self) -> None:
        self._again = None
        self._stream.request_keyframe()

    def _deliver(self, packet: Packet) -> None:
        self._process.send_picture(self.number, round(packet.pts * CLOCK), packet.keyframe, packet.data)
