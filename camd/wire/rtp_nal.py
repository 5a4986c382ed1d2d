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

_START, _END = 0x80, 0x40


class H264Packetiser(Packetiser):
    """Annex B access units in single NAL units, STAP-A and FU-A."""

    _LEFT_OUT = frozenset((9, 12))  # access unit delimiter, filler data
    _STAP_A, _FU_A = 24, 28

    def payloads(self, data: bytes) -> Iterator[Payload]:
        group: list[bytes] = []
        size = 1
        for unit in split(data):
            if not unit or unit[0] & 31 in self._LEFT_OUT:
                continue
            if group and size + 2 + len(unit) > PAYLOAD_LIMIT:
                yield self._joined(group)
                group, size = [], 1
            if len(unit) <= PAYLOAD_LIMIT:
                group.append(unit)
                size += 2 + len(unit)
            else:
                yield from self._fragments(unit)
        if group:
            yield self._joined(group)

    def _joined(self, units: list[bytes]) -> Payload:
        if len(units) == 1:
            return b"", units[0]
        forbidden = max(unit[0] & 0x80 for unit in units)
        importance = max(unit[0] & 0x60 for unit in units)
        return bytes((forbidden | importance | self._STAP_A,)), _with_sizes(units)

    def _fragments(self, unit: bytes) -> Iterator[Payload]:
        indicator, kind = unit[0] & 0xE0 | self._FU_A, unit[0] & 31
        return _fragments(bytes((indicator,)), kind, memoryview(unit)[1:])


class H265Packetiser(Packetiser):
    """Annex B access units in single NAL units, aggregation packets and fragmentation units, without
    decoding order numbers (sprop-max-don-diff is 0)."""

    _LEFT_OUT = frozenset((35, 38))  # access unit delimiter, filler data
    _AP, _FU = 48, 49

    def payloads(self, data: bytes) -> Iterator[Payload]:
        group: list[bytes] = []
        size = 2
        for unit in split(data):
            if len(unit) < 2 or unit[0] >> 1 & 63 in self._LEFT_OUT:
                continue
            if group and size + 2 + len(unit) > PAYLOAD_LIMIT:
                yield self._joined(group)
                group, size = [], 2
            if len(unit) <= PAYLOAD_LIMIT:
                group.append(unit)
                size += 2 + len(unit)
            else:
                yield from self._fragments(unit)
        if group:
            yield self._joined(group)

    def _joined(self, units: list[bytes]) -> Payload:
        if len(units) == 1:
            return b"", units[0]
        forbidden = max(unit[0] & 0x80 for unit in units)
        layer = min((unit[0] & 1) << 5 | unit[1] >> 3 for unit in units)
        temporal = min(unit[1] & 7 for unit in units)
        return bytes((forbidden | self._AP << 1 | layer >> 5, (layer & 31) << 3 | temporal)), _with_sizes(units)

    def _fragments(self, unit: bytes) -> Iterator[Payload]:
        header = bytes((unit[0] & 0x81 | self._FU << 1, unit[1]))
        return _fragments(header, unit[0] >> 1 & 63, memoryview(unit)[2:])


def _with_sizes(units: list[bytes]) -> bytes:
    parts: list[bytes] = []
    for unit in units:
        parts += (len(unit).to_bytes(2, "big"), unit)
    return b"".join(parts)


def _fragments(header: bytes, kind: int, body: memoryview) -> Iterator[Payload]:
    """Pieces of one size, behind the fragment header that both formats have."""
    size = PAYLOAD_LIMIT - len(header) - 1
    last = (len(body) - 1) // size * size
    prefix = header + bytes((kind | _START,))
    between = header + bytes((kind,))
    for position in range(0, last, size):
        yield prefix, body[position : position + size]
        prefix = between
    yield header + bytes((kind | _END,)), body[last:]
