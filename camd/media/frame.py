"""What flows: a Frame is a picture, a Packet is encoded bytes (PyAV's words). Both are immutable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy

#: Codecs whose packets need those before them: one left out breaks all until the next key frame.
INTER = frozenset({"h264", "hevc"})
#: Codecs of sound, as clients get it; before it is coded it is "pcm".
SOUND = frozenset({"aac", "opus"})
PCM = "pcm"


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture in memory.

    image: uint8, height x width x 3, BGR, full range, read-only.
    pts: when it was taken, seconds on CLOCK_MONOTONIC, as even as the source's own clock, and growing;
    wall: the same moment, UTC seconds; grabbed: when the host had it, seconds on CLOCK_MONOTONIC.
    card: a placeholder drawn by camd, not a picture of the camera.
    """

    image: numpy.ndarray
    pts: float
    wall: float
    grabbed: float
    card: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        height, width = self.image.shape[:2]
        return width, height


@dataclass(frozen=True, slots=True)
class Packet:
    """Encoded or packed bytes of one picture; times as in Frame.

    codec: "mjpeg" (one whole JPEG), "h264" or "hevc" (one access unit in the byte stream format of
    Annex B, a key frame with its parameter sets before it), or a packed raw layout in FFmpeg's names
    ("yuyv422"). card: a placeholder drawn by camd, not a picture of the camera.

    Sound: "pcm" (a block of samples, signed 16 bit, interleaved), "aac" (one raw frame of AAC-LC, without ADTS) or
    "opus" (one packet); pts is then that of its first sample, and each one is a key frame.
    """

    data: bytes
    codec: str
    pts: float
    wall: float
    grabbed: float
    keyframe: bool = True
    card: bool = False


@dataclass(frozen=True, slots=True)
class Format:
    """What an opened source delivers: codec ("bgr" for Frames), size in pixels, rate in 1/s.

    full_range: luma uses 0..255 (JPEG) instead of 16..235 (video); packed raw layouts only.
    """

    codec: str
    width: int
    height: int
    fps: float
    full_range: bool = False

    @property
    def size(self) -> str:
        return f"{self.width}x{self.height}"


@dataclass(frozen=True, slots=True)
class Encoding:
    """Names one stream of a camera: (camera, Encoding) is its address.

    codec: "source" (untouched), "bgr" (Frames), "mjpeg", "h264", "hevc" (only as the camera gives it),
    "aac" or "opus" (its sound, if it has any).
    rendition: "main" or "sub", which tells size, rate and bitrate; size (a box in pixels, into which
    the picture is fitted), fps (1/s), bitrate (bit/s) and quality (JPEG, 1..100) ask for another one.
    """

    codec: str
    quality: int | None = None
    rendition: str = "main"
    size: tuple[int, int] | None = None
    fps: float | None = None
    bitrate: int | None = None

    @property
    def is_own(self) -> bool:
        """Whether it is something that only who asks for it wants, and no rendition as it is set."""
        return any((self.quality, self.size, self.fps, self.bitrate))
