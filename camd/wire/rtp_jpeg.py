"""JPEG over RTP (RFC 2435): the scan, with what of the header the receiver cannot know.

The payload format was made for one kind of JPEG: baseline, YCbCr 4:2:2 or 4:2:0, the Huffman tables of
the standard's annex K, at most 2040 pixels each way. Motion JPEG of nearly every camera is of this kind;
the rest is refused with the reason.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import Invalid
from .rtp import PAYLOAD_LIMIT, Packetiser, Payload

PAYLOAD_TYPE = 26
#: The largest width and height, pixels: the header counts blocks of 8 in one byte.
SIZE_LIMIT = 2040
_SCAN_LIMIT = 1 << 24
#: Quantisation tables that may change with every picture, and are in each picture's first packet.
_DYNAMIC_TABLES = 255
_WITH_RESTARTS = 64

_SOF0, _DHT, _SOI, _EOI, _SOS, _DQT, _DRI = 0xC0, 0xC4, 0xD8, 0xD9, 0xDA, 0xDB, 0xDD
_OTHER_FRAMES = frozenset(range(0xC1, 0xD0)) - {_DHT, 0xC8, 0xCC}
#: Sampling factors of the three components -> type.
_TYPES = {(0x21, 0x11, 0x11): 0, (0x22, 0x11, 0x11): 1}

#: The values of the AC tables of luma and chroma (ITU-T T.81 tables K.5 and K.6).
_LUMA_AC = bytes.fromhex(
    "01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a25"
    "262728292a3435363738393a434445464748494a535455565758595a636465666768696a737475767778797a83"
    "8485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3"
    "d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa"
)
_CHROMA_AC = bytes.fromhex(
    "000102031104052131061241510761711322328108144291a1b1c109233352f0156272d10a162434e125f11718"
    "191a262728292a35363738393a434445464748494a535455565758595a636465666768696a737475767778797a"
    "82838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9ca"
    "d2d3d4d5d6d7d8d9dae2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8f9fa"
)


@dataclass(frozen=True, slots=True)
class JpegHead:
    """What RFC 2435 asks of a JPEG's header. size: of the header, where the scan begins; kind: type 0 or 1;
    width, height: pixels; tables: the quantisation tables of luma and chroma, 64 bytes each, in zigzag
    order; restart_interval: MCUs, 0 for none."""

    size: int
    kind: int
    width: int
    height: int
    tables: bytes
    restart_interval: int


class JpegPacketiser(Packetiser):
    """Whole JPEGs of payload type 26."""

    def __init__(self, payload_type: int = PAYLOAD_TYPE, channel: int = 0, ssrc: int | None = None,
                 sequence: int | None = None, offset: int | None = None):
        super().__init__(payload_type, 90_000, channel, ssrc, sequence, offset)
        self._seen = b"\0"  # the header of the JPEG before, which begins most of those that follow
        self._head: JpegHead | None = None

    def payloads(self, data: bytes) -> Iterator[Payload]:
        head = self._head
        if head is None or not data.startswith(self._seen):
            head = self._head = read_head(data)
            self._seen = data[: head.size]
        end = data.rfind(b"\xff\xd9", head.size)
        scan = memoryview(data)[head.size : end if end >= 0 else len(data)]
        if not 0 < len(scan) < _SCAN_LIMIT:
            raise Invalid("", f"a JPEG with a scan of {len(scan)} bytes has no place in RTP (RFC 2435)")
        kind = head.kind | (_WITH_RESTARTS if head.restart_interval else 0)
        same = bytes((kind, _DYNAMIC_TABLES, (head.width + 7) // 8, (head.height + 7) // 8))
        if head.restart_interval:
            same += head.restart_interval.to_bytes(2, "big") + b"\xff\xff"
        return _pieces(scan, same, b"\0\0" + len(head.tables).to_bytes(2, "big") + head.tables)


def _pieces(scan: memoryview, same: bytes, tables: bytes) -> Iterator[Payload]:
    prefix = bytes(4) + same + tables
    position = 0
    while position < len(scan):
        piece = scan[position : position + PAYLOAD_LIMIT - len(prefix)]
        yield prefix, piece
        position += len(piece)
        prefix = position.to_bytes(4, "big") + same  # type-specific is 0, and above the 24 bits of the offset


def read_head(data: bytes) -> JpegHead:
    """The header of a JPEG. Pure. Raises Invalid with the reason why RFC 2435 cannot carry it."""
    if data[:2] != b"\xff\xd8":
        raise Invalid("", "not a JPEG: it does not begin with SOI")
    reading = _Reading()
    position = 2
    while True:
        if data[position : position + 1] != b"\xff":
            raise Invalid("", f"not a JPEG: no marker at byte {position}")
        marker = int.from_bytes(data[position + 1 : position + 2], "big")
        if marker == 0xFF:  # fill byte
            position += 1
            continue
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        segment = data[position + 4 : position + 2 + length]
        if length < 2 or len(segment) != length - 2:
            raise Invalid("", f"the JPEG is cut off at byte {position}")
        position += 2 + length
        reading.take(marker, segment)
        if marker == _SOS:
            return reading.head(position, segment)


class _Reading:
    """The segments of one header, collected."""

    def __init__(self) -> None:
        self.tables: dict[int, bytes] = {}
        self.restart_interval = 0
        self.frame = b""

    def take(self, marker: int, segment: bytes) -> None:
        if marker == _DQT:
            self._quantisation(segment)
        elif marker == _DHT:
            _check_huffman(segment)
        elif marker == _SOF0:
            if len(segment) < 6 or len(segment) != 6 + 3 * segment[5]:
                raise Invalid("", "the JPEG's frame header is damaged")
            self.frame = segment
        elif marker == _DRI:
            self.restart_interval = int.from_bytes(segment[:2], "big")
        elif marker in _OTHER_FRAMES:
            raise Invalid("", "RTP carries baseline JPEG only (RFC 2435), and this one is progressive or extended")

    def _quantisation(self, segment: bytes) -> None:
        for start in range(0, len(segment), 65):
            if segment[start] > 3 or start + 65 > len(segment):
                raise Invalid("", "RTP carries JPEG with quantisation tables of 8 bits only (RFC 2435)")
            self.tables[segment[start]] = segment[start + 1 : start + 65]

    def head(self, size: int, scan: bytes) -> JpegHead:
        frame = self.frame
        if not frame or frame[0] != 8 or frame[5] != 3 or scan[:1] != b"\x03":
            raise Invalid("", "RTP carries JPEG of three components of 8 bits in one scan only (RFC 2435)")
        height, width = int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big")
        if not (0 < width <= SIZE_LIMIT and 0 < height <= SIZE_LIMIT):
            raise Invalid("", f"RTP carries JPEG up to {SIZE_LIMIT} pixels wide and high (RFC 2435), "
                              f"and this one has {width}x{height}: use a smaller size, or H.264")
        kind = _TYPES.get((frame[7], frame[10], frame[13]))
        if kind is None:
            raise Invalid("", "RTP carries JPEG with 4:2:2 or 4:2:0 only (RFC 2435)")
        if frame[11] != frame[14] or not {frame[8], frame[11]} <= self.tables.keys():
            raise Invalid("", "RTP carries JPEG with one table for luma and one for chroma only (RFC 2435)")
        tables = self.tables[frame[8]] + self.tables[frame[11]]
        return JpegHead(size, kind, width, height, tables, self.restart_interval)


def _check_huffman(segment: bytes) -> None:
    """The receiver puts in the tables of annex K; any others would give it noise."""
    known = _standard_tables()
    while segment:
        count = 17 + sum(segment[1:17])
        if segment[:count] not in known:
            raise Invalid("", "RTP carries JPEG with the standard's own Huffman tables only (RFC 2435); "
                              "switch off optimised coding")
        segment = segment[count:]


@functools.cache
def _standard_tables() -> frozenset[bytes]:
    """Class and identifier, counts and values of the four tables (ITU-T T.81 annex K.3)."""
    dc = bytes(range(12))
    return frozenset((
        b"\x00" + bytes.fromhex("00010501010101010100000000000000") + dc,
        b"\x01" + bytes.fromhex("00030101010101010101010000000000") + dc,
        b"\x10" + bytes.fromhex("0002010303020403050504040000017d") + _LUMA_AC,
        b"\x11" + bytes.fromhex("00020102040403040705040400010277") + _CHROMA_AC,
    ))
