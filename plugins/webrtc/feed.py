"""Feed: the H.264 of one camera, and its sound, on their way to the child, once for all who watch it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from camd.media import Gop

from .framing import CLOCK, SOUND_CLOCK
from .process import Process

if TYPE_CHECKING:
    from camd.media import Encoding, Packet, Stream, Subscription

#: Somebody who asks for a key frame too soon after the last one gets it then (seconds).
_AGAIN = 1.0


class Feed:
    """Subscribes to a stream for as long as it has sessions. Reactor thread only.

    sessions: the ids of those who watch; hearers: of those among them who hear, too. on_end(feed): the camera
    is gone for good.
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
        self.hearers: set[str] = set()
        self._stream = stream
        self._process = process
        self._reactor = reactor
        self._again: Any = None
        self._sound: Subscription | None = None
        self._subscription = stream.subscribe(
            self._deliver, Gop(), kind="webrtc", on_end=lambda: on_end(self)
        )
        self.flow()

    def flow(self) -> None:
        """The child reads too slowly, or goes on: `paused` of the process tells, for what is sent now may fill the
        pipe again. Meanwhile the stream's policy decides what is left out."""
        for subscription in (self._sound, self._subscription):
            if subscription is None:
                continue
            if self._process.paused:
                subscription.pauseProducing()
            else:
                subscription.resumeProducing()

    def hear(self, session: str, sound: Stream) -> None:
        """Somebody who watches hears the camera, too. sound: packets of Opus."""
        self.hearers.add(session)
        if self._sound is None:
            self._sound = sound.subscribe(
                self._deliver_sound, Gop(), kind="webrtc", on_end=self._end_sound
            )
            self.flow()

    def leave(self, session: str) -> None:
        """Somebody does not watch any more; with the last who hears the sound ends."""
        self.sessions.discard(session)
        self.hearers.discard(session)
        if not self.hearers:
            self._end_sound()

    def request_keyframe(self) -> None:
        """A viewer cannot go on without one."""
        if not self._stream.request_keyframe() and self._again is None:
            self._again = self._reactor.callLater(_AGAIN, self._ask_again)

    def close(self) -> None:
        self._subscription.close()
        self._end_sound()
        if self._again is not None:
            self._again.cancel()
            self._again = None
        self._process.tell({"do": "forget", "feed": self.number})

    def _end_sound(self) -> None:
        sound, self._sound = self._sound, None
        if sound is not None:
            sound.close()

    def _ask_again(self) -> None:
        self._again = None
        self._stream.request_keyframe()

    def _deliver(self, packet: Packet) -> None:
        self._process.send_picture(self.number, round(packet.pts * CLOCK), packet.keyframe, packet.data)

    def _deliver_sound(self, packet: Packet) -> None:
        self._process.send_sound(self.number, round(packet.pts * SOUND_CLOCK), packet.data)
