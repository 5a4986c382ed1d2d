"""SoundTrack: the sound of a camera as RTSP has it, one for all of its presentations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..media.frame import Encoding, Packet
from ..media.policy import Gop, Policy
from ..media.sound import AAC_CONFIGURATION, CHANNELS, RATE
from ..wire import sdp
from ..wire.rtp import AccessUnit
from ..wire.rtp_aac import AacPacketiser
from .line import Line

if TYPE_CHECKING:
    from ..media.camera import Camera


class SoundTrack(Line):
    """AAC. Reactor thread only. Raises Unsupported if the camera has no sound, or nothing codes it."""

    track = sdp.aac(RATE, CHANNELS, AAC_CONFIGURATION)

    def __init__(self, camera: Camera):
        super().__init__(camera, camera.stream(Encoding("aac")), AacPacketiser(sdp.AAC, RATE))

    @property
    def is_there(self) -> bool:
        """Whether it still is what the camera hears."""
        sound = self.camera.sound
        return sound is not None and sound.stream("aac") is self.stream

    @property
    def policy(self) -> Policy:
        return Gop()

    def _packetise(self, packet: Packet) -> AccessUnit | None:
        return self.packetiser(packet)
