"""AAC over RTP (RFC 3640, mode AAC-hbr): each packet holds one frame, or a piece of one."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import Invalid
from .rtp import PAYLOAD_LIMIT, Packetiser, Payload

#: Ahead of the data: how many bits of AU headers follow (16), and one of them, which has 13 bits for the size.
_HEADERS = (16).to_bytes(2, "big")
_ROOM = PAYLOAD_LIMIT - 4
_LARGEST = (1 << 13) - 1


class AacPacketiser(Packetiser):
    """Raw frames, without ADTS; as the a=fmtp of `sdp.aac` describes them."""

    def payloads(self, data: bytes) -> Iterator[Payload]:
        if not 0 < len(data) <= _LARGEST:
            raise Invalid("", f"an AAC frame of {len(data)} bytes; up to {_LARGEST} are possible")
        head = _HEADERS + (len(data) << 3).to_bytes(2, "big")  # of the whole frame, in each piece of it, too
        for begin in range(0, len(data), _ROOM):
            yield head, data[begin : begin + _ROOM]
