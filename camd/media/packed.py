"""PackedFrame: a picture as it came, JPEG or raw, for encoders that need no pixels of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from ..wire import jpeg
from .frame import Format, Frame, Packet

if TYPE_CHECKING:
    import numpy

#: What encoders of video are given as it is, if nothing is done to the picture. Its colours are BT.601's.
PACKED = frozenset({"mjpeg", "yuyv422", "nv12"})


class PackedFrame:
    """Looks like a Frame, whose pixels are made when somebody asks for them; who knows the layout takes `packet`.

    format: of raw pictures; a JPEG has its own size. decode(packet, format) makes a Frame, and raises CamdError if it is
    no such picture, as the size of a JPEG does. One thread at a time.
    """

    def __init__(self, packet: Packet, format: Format | None, decode: Callable[[Packet, Format | None], Frame]):
        self.packet = packet
        self.pts, self.wall, self.grabbed = packet.pts, packet.wall, packet.grabbed
        self.card = packet.card
        self.full_range = format is not None and format.full_range
        self._format = format
        self._decode = decode

    @cached_property
    def size(self) -> tuple[int, int]:
        if self.packet.codec == "mjpeg" or self._format is None:
            return jpeg.size(self.packet.data)
        return self._format.width, self._format.height

    @cached_property
    def image(self) -> numpy.ndarray:
        return self._decode(self.packet, self._format).image
