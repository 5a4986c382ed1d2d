"""Watch: one channel of the WebSocket at /api/media, the pictures of one camera in one encoding or its sound."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from struct import Struct
from typing import TYPE_CHECKING, Any

from ..media.camera import Camera
from ..media.fragments import Fragment, Fragmenter, InitSegment
from ..media.frame import SOUND, Encoding, Packet
from ..media.policy import Gop, Latest
from ..media.sound_fragments import SoundFragmenter
from ..media.stream import Subscription
from ..wire.websocket import binary_head

if TYPE_CHECKING:
    from .media_socket import MediaProtocol

#: Kind, flags, channel, sequence, wall clock; big-endian, 16 bytes.
HEADER = Struct(">BBHId")
#: What a message holds: a whole JPEG, what comes before the first fragment, one picture or one packet of sound
#: as a fragment of MP4.
JPEG, INIT, FRAGMENT = 1, 2, 3
#: Flags.
KEYFRAME, CARD = 1, 2


class Watch:
    """Sends pictures to one client as binary messages. Reactor thread only.

    Bytes are shared by all clients; a message has its own 16 bytes before them. turn: when it last sent
    something, counted by the client. on_end(): the camera is gone, or its sound.
    """

    __slots__ = ("_client", "_first", "_init", "_pictures", "camera", "channel", "encoding", "turn")

    def __init__(
        self, client: MediaProtocol, channel: int, camera: Camera, encoding: Encoding, on_end: Callable[[], None]
    ):
        self.camera = camera
        self.channel = channel
        self.encoding = encoding
        self.turn = 0
        self._client = client
        self._init: InitSegment | None = None
        # Pictures are missed from now on, those of a video from the first key frame on.
        self._first = 1 if encoding.codec == "mjpeg" else None
        if encoding.codec == "mjpeg":
            # Left out here, so that all rates share one encoder.
            stream = camera.stream(replace(encoding, fps=None))
            self._pictures = stream.subscribe(self._send_jpeg, Latest(), "grid", on_end, encoding.fps)
        else:
            work = SoundFragmenter() if encoding.codec in SOUND else Fragmenter()
            stage = camera.stream(encoding).derive(work)
            self._pictures = stage.subscribe(self._send_fragment, Gop(), "mse", on_end)

    @property
    def pictures(self) -> Subscription:
        return self._pictures

    def describe(self) -> dict[str, Any]:
        """What the client is told: which channel this is and, as far as that is known, how to play it."""
        told = {"watching": self.channel, "camera": self.camera.id, "codec": self.encoding.codec}
        return told if self._init is None else {**told, "type": self._init.type}

    def close(self) -> None:
        """Send no more; may be called again."""
        self._pictures.close()

    def _send_jpeg(self, packet: Packet) -> None:
        self._send(JPEG, packet, packet.data)

    def _send_fragment(self, fragment: Fragment) -> None:
        if fragment.init is not self._init:
            self._init = fragment.init
            self._client.answer(self.describe())
            self._send(INIT, fragment, fragment.init.data)
        self._send(FRAGMENT, fragment, fragment.data)

    def _send(self, kind: int, picture: Packet | Fragment, data: bytes) -> None:
        flags = (KEYFRAME if picture.keyframe else 0) | (CARD if picture.card else 0)
        head = HEADER.pack(kind, flags, self.channel, self._sequence(), picture.wall)
        self._client.send(binary_head(len(head) + len(data)) + head, data)
        self._client.sent(self, picture.grabbed, kind)

    def _sequence(self) -> int:
        """The number of the picture that is being delivered: those that were dropped before it count, too."""
        number = self._pictures.delivered + self._pictures.drops
        if self._first is None:
            self._first = number
        return (number - self._first) & 0xFFFFFFFF
