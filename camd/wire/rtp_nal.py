"""H.264 (RFC 6184, packetization-mode 1) and H.265 (RFC 7798) over RTP.

Both go by the same three rules. What is longer than a packet is fragmented, in pieces of one size;
neighbours that fit into one packet together are aggregated (the parameter sets before a key frame, the
slices of a small picture); everything else goes as it is. NAL units that only a byte stream needs are
left out: the marker bit ends an access unit.
"""

from __future__ import annotations

from collections.abc import Iterator

from .nal import split
from .rtp import PAYLOAD_LIMIT, Packetiser, Payload

_STAP_A, _FU_A = 24, 28  # of H.264
_AP, _FU = 48, 49  # of H.265
#: Bits of a fragment's header.
_START, _END = 0x80, 0x40


class _NalPacketiser(Packetiser):
    """What both formats have in common. HEADER_SIZE: of a NAL unit, and of an aggregate of them."""

    HEADER_SIZE: int
    #: Types of units: access unit delimiter, filler data.
    LEFT_OUT: frozenset[int]

    def payloads(self, data: bytes) -> Iterator[Payload]:
        group: list[memoryview] = []
        empty = size = self.HEADER_SIZE
        for unit in split(data):
            if len(unit) < empty or self.kind(unit) in self.LEFT_OUT:
                continue
            if group and size + 2 + len(unit) > PAYLOAD_LIMIT:
                yield self._joined(group)
                group, size = [], empty
            if len(unit) > PAYLOAD_LIMIT:
                yield from self._fragments(unit)
            else:
                group.append(unit)
                size += 2 + len(unit)
        if group:
            yield self._joined(group)

    def _joined(self, units: list[memoryview]) -> Payload:
        if len(units) == 1:
            return b"", units[0]
        parts: list[bytes | memoryview] = []
        for unit in units:
            parts += (len(unit).to_bytes(2, "big"), unit)
        return self.aggregate_header(units), b"".join(parts)

    def _fragments(self, unit: memoryview) -> Iterator[Payload]:
        """Pieces of one size, but for the last."""
        kind, header, body = self.kind(unit), self.fragment_header(unit), unit[self.HEADER_SIZE:]
        size = PAYLOAD_LIMIT - len(header) - 1
        last = (len(body) - 1) // size * size
        prefix = header + bytes((kind | _START,))
        between = header + bytes((kind,))
        for position in range(0, last, size):
            yield prefix, body[position : position + size]
            prefix = between
        yield header + bytes((kind | _END,)), body[last:]

    def kind(self, unit: memoryview) -> int:
        raise NotImplementedError

    def aggregate_header(self, units: list[memoryview]) -> bytes:
        raise NotImplementedError

    def fragment_header(self, unit: memoryview) -> bytes:
        raise NotImplementedError


class H264Packetiser(_NalPacketiser):
    """Annex B access units in single NAL units, STAP-A and FU-A."""

    HEADER_SIZE = 1
    LEFT_OUT = frozenset((9, 12))

    def kind(self, unit: memoryview) -> int:
        return unit[0] & 31

    def aggregate_header(self, units: list[memoryview]) -> bytes:
        forbidden = max(unit[0] & 0x80 for unit in units)
        importance = max(unit[0] & 0x60 for unit in units)
        return bytes((forbidden | importance | _STAP_A,))

    def fragment_header(self, unit: memoryview) -> bytes:
        return bytes((unit[0] & 0xE0 | _FU_A,))


class H265Packetiser(_NalPacketiser):
    """Annex B access units in single NAL units, aggregation packets and fragmentation units, without
    decoding order numbers (sprop-max-don-diff is 0)."""

    HEADER_SIZE = 2
    LEFT_OUT = frozenset((35, 38))

    def kind(self, unit: memoryview) -> int:
        return unit[0] >> 1 & 63

    def aggregate_header(self, units: list[memoryview]) -> bytes:
        """Of the lowest layer and the lowest temporal layer among them (RFC 7798 section 4.4.2)."""
        forbidden = max(unit[0] & 0x80 for unit in units)
        layer = min((unit[0] & 1) << 5 | unit[1] >> 3 for unit in units)
        temporal = min(unit[1] & 7 for unit in units)
        return bytes((forbidden | _AP << 1 | layer >> 5, (layer & 31) << 3 | temporal))

    def fragment_header(self, unit: memoryview) -> bytes:
        return bytes((unit[0] & 0x81 | _FU << 1, unit[1]))
