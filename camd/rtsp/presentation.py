"""Presentation: one video of one camera as RTSP has it: its description, its packets, and who plays it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from ..errors import Gone, Invalid, Unsupported
from ..media.frame import INTER, Encoding, Packet
from ..media.policy import Gop, Latest, Policy
from ..media.stream import Subscription
from ..wire import nal, sdp
from ..wire.rtp import AccessUnit, Packetiser
from ..wire.rtp_jpeg import JpegPacketiser
from ..wire.rtp_nal import H264Packetiser, H265Packetiser
from .line import Line
from .soundtrack import SoundTrack

if TYPE_CHECKING:
    from ..media.camera import Camera

#: How long the first picture is waited for (seconds): a camera that gives none shows a card after one.
PATIENCE = 8.0
#: Whoever asks for a description plays it in a moment: until then the encoder goes on (seconds).
WARM = 5.0


class Presentation(Line):
    """Reactor thread only. One for everybody who asks for the same Encoding of a camera. note(grabbed) hears of each
    picture that leaves.
    """

    def __init__(self, camera: Camera, encoding: Encoding, reactor: Any,
                 note: Callable[[float], None] = lambda grabbed: None):
        super().__init__(camera, camera.stream(encoding), _packetiser(encoding.codec))
        self.encoding = encoding
        self._reactor = reactor
        self._note = note
        self._id = secrets.randbits(31)
        self._version = 0
        self._track: sdp.Track | None = None
        self._described: tuple[sdp.Track, ...] = ()
        self._sets: tuple[bytes, ...] = ()
        self._made_for: Any = None
        self._trouble = ""
        self._waiting: list[Deferred[None]] = []
        self._warm: Subscription | None = None
        self._cool: IDelayedCall | None = None

    @property
    def policy(self) -> Policy:
        """What a client gets that does not keep up."""
        return Gop() if self.encoding.codec in INTER else Latest()

    # -- the description

    async def ready(self) -> None:
        """Wait until it can be described. Raises Unsupported if the pictures cannot go over RTP, Gone if there
        are none."""
        self._keep_warm()
        if self._track is not None and self._made_for == self._settings():
            return
        self._trouble = ""
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        late = self._reactor.callLater(PATIENCE, self._fail, Gone(f"the camera {self.camera.id} gives no picture"))
        try:
            await waiting
        except Unsupported:
            self.cool()
            raise
        finally:
            if late.active():
                late.cancel()

    def describe(self, address: str, controls: tuple[str, str], sound: SoundTrack | None) -> bytes:
        """The SDP, once it is ready. address: ours as the client sees it; controls: URLs of pictures and sound;
        sound: of the camera, if it has any."""
        if self._track is None:
            raise Gone(f"the camera {self.camera.id} gives no picture")
        tracks = (self._track,) if sound is None else (self._track, sound.track)
        if tracks != self._described:
            self._described = tracks
            self._version += 1
        return sdp.describe(tracks, self.camera.name, self._id, self._version, address, controls[: len(tracks)])

    def _settings(self) -> tuple[Any, ...]:
        """What the description depends on."""
        pipeline = self.camera.pipeline
        return pipeline.format, pipeline.size(self.encoding), pipeline.video_settings(self.encoding)

    def _keep_warm(self) -> None:
        if self._warm is None:
            self._warm = self.stage.subscribe(_ignore, self.policy, kind="", on_end=self._gone)
        if self._cool is not None and self._cool.active():
            self._cool.reset(WARM + PATIENCE if self._track is None else WARM)
        else:
            self._cool = self._reactor.callLater(WARM + PATIENCE if self._track is None else WARM, self.cool)

    def cool(self) -> None:
        """Nobody comes to play."""
        warm, self._warm = self._warm, None
        if warm is not None:
            warm.close()
        if self._cool is not None and self._cool.active():
            self._cool.cancel()

    def _gone(self) -> None:
        self._warm = None
        self._fail(Gone(f"the camera {self.camera.id} is gone"))

    def _fail(self, error: Exception) -> None:
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.errback(error)

    # -- the packets

    def _packetise(self, packet: Packet) -> AccessUnit | None:
        if packet.codec != self.encoding.codec:
            return None
        if packet.keyframe:
            self._look(packet)
        try:
            unit = self.packetiser(packet)
        except Invalid as error:
            self._trouble = str(error)
            self._fail(Unsupported(self._trouble))
            raise
        if unit is not None:
            self._note(packet.grabbed)
        return unit

    def _look(self, packet: Packet) -> None:
        """Take from a key frame what describes the video; a card's is not the camera's."""
        codec = packet.codec
        sets = nal.parameter_sets(packet.data, codec) if codec in INTER else (b"",)
        if sets != self._sets and not (packet.card and self._sets):
            track = _track(codec, sets, self.camera.pipeline.fps(self.encoding))
            if track is None:
                return
            self._sets, self._track = sets, track
        if self._track is not None and self._waiting:
            self._reactor.callLater(0, self._tell)  # once the packetiser has taken it, too

    def _tell(self) -> None:
        self._made_for = self._settings()
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.callback(None)


def _ignore(unit: AccessUnit) -> None:
    """Nobody plays it yet."""


def _packetiser(codec: str) -> Packetiser:
    if codec == "h264":
        return H264Packetiser(sdp.H264)
    return H265Packetiser(sdp.H265) if codec == "hevc" else JpegPacketiser()


def _track(codec: str, sets: tuple[bytes, ...], fps: float) -> sdp.Track | None:
    """None if a parameter set is missing."""
    if codec not in INTER:
        return sdp.jpeg(fps)
    first: dict[int, bytes] = {}
    for unit in sets:
        first.setdefault(nal.kind(unit, codec), unit)
    if len(first) != (2 if codec == "h264" else 3):
        return None
    described = [first[kind] for kind in sorted(first)]
    return sdp.h264(*described, fps=fps) if codec == "h264" else sdp.h265(*described, fps=fps)
