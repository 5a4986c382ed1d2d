"""PackedFrame: a raw picture of the camera, as it came, for encoders that need no pixels."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from .frame import Format, Frame, Packet

if TYPE_CHECKING:
    import numpy

#: Raw layouts that encoders of video are given untouched if nothing else is to be done. Their colours are BT.601's.
PACKED = frozenset({"yuyv422", "nv12"})


class PackedFrame:
    """Looks like a Frame, whose pixels are made when somebody asks for them; who knows the layout takes `packet`.

    One thread at a time. decode(packet, format) makes a Frame, and raises CamdError if it is no such picture.
    """

    def __init__(self, packet: Packet, format: Format, decode: Callable[[Packet, Format], Frame]):
        self.packet = packet
        self.format = format
        self.pts, self.wall, self.grabbed = packet.pts, packet.wall, packet.grabbed
        self.card = packet.card
        self._decode = decode

    @property
    def size(self) -> tuple[int, int]:
        return self.format.width, self.format.height

    @cached_property
    def image(self) -> numpy.ndarray:
        return self._decode(self.packet, self.format).image
