"""What flows: a Frame is a picture, a Packet is encoded bytes (PyAV's words). Both are immutable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture in memory.

    image: uint8, height x width x 3, BGR, full range, read-only.
    pts: presentation time, seconds on the source's clock; wall: the same moment, UTC seconds;
    grabbed: when the host had it, seconds on CLOCK_MONOTONIC.
    """

    image: numpy.ndarray
    pts: float
    wall: float
    grabbed: float


@dataclass(frozen=True, slots=True)
class Packet:
    """Encoded or packed bytes of one picture; times as in Frame.

    codec: "mjpeg" (one whole JPEG), or a packed raw layout in FFmpeg's names ("yuyv422").
    card: a placeholder drawn by camd, not a picture of the camera.
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

    codec: "source" (untouched), "bgr" (Frames), "mjpeg"; quality: 1..100, None: the camera's own.
    """

    codec: str
    quality: int | None = None
