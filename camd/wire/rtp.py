"""RTP packets (RFC 3550), made once for all clients.

The forces. Packetising is per-packet work in Python, and delivery is per-client work: together they
would be a product. So a stream has one line of sequence numbers and timestamps under one SSRC, the
packets of an access unit are the same bytes for everybody, and sending it is one write a client:
`AccessUnit.interleaved` on a TCP connection, a few `AccessUnit.batches` on a UDP socket.

The price: a client that joins late or drops a group of pictures sees a gap in the sequence. That is
what the gap is for; the answer to PLAY says where the line stands.

Refused: a line per client (a rewrite of every header for each of them), and rewriting only the first
bytes with `sendmsg` of twice as many pieces (slower than the copy it avoids).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from ..errors import Invalid

if TYPE_CHECKING:
    from ..media.frame import Packet

#: Bytes behind the RTP header: with UDP, IPv6 and a tunnel or two this stays below an MTU of 1500.
PAYLOAD_LIMIT = 1400
HEADER_SIZE = 12
#: "$", channel, length (RFC 2326 section 10.12).
PREFIX_SIZE = 4
#: The kernel takes so many segments in one UDP_SEGMENT send, and one datagram's worth of bytes.
_SEGMENTS = 64
_BATCH_SIZE = 65_000

_FRAMED = Struct(">BBHBBHII")
_HEADER = Struct(">BBHII")
_VERSION = 0x80
_MARKER = 0x80

#: What goes into one packet behind its header: the payload format's own header, and data.
Payload = tuple[bytes, "bytes | memoryview"]


@dataclass(frozen=True, slots=True)
class Header:
    """The fixed header (RFC 3550 section 5.1); `payload` is where the payload begins and ends."""

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: slice


def parse(data: bytes | memoryview) -> Header:
    """The header of one packet. Pure. Raises Invalid."""
    if len(data) < HEADER_SIZE or data[0] >> 6 != 2:
        raise Invalid("", "not an RTP packet of version 2")
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
    start = HEADER_SIZE + 4 * (first & 15)
    if first & 0x10:
        if len(data) < start + 4:
            raise Invalid("", "the RTP header extension is cut off")
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
    end = len(data) - (data[-1] if first & 0x20 else 0)
    if start > end:
        raise Invalid("", "the RTP header is longer than the packet")
    return Header(second & 0x7F, second > 0x7F, sequence, timestamp, ssrc, slice(start, end))


class Batch(NamedTuple):
    """Packets for one send: each `segment` bytes long, the last perhaps shorter (UDP_SEGMENT of udp(7)).

    With only one packet, `segment` is its length.
    """

    data: bytes
    segment: int


class AccessUnit:
    """All packets of one picture, or of one piece of sound, ready to be written. Immutable.

    interleaved: the packets as a TCP connection carries them, on `channel`; sequence: of the first;
    timestamp: RTP's; lengths: of the packets, RTP header included; octets: payload bytes, as sender
    reports count them; pts, wall, grabbed, keyframe, card: the Packet's.
    """

    __slots__ = (
        "_batches",
        "_elsewhere",
        "_packets",
        "card",
        "channel",
        "grabbed",
        "interleaved",
        "keyframe",
        "lengths",
        "pts",
        "sequence",
        "timestamp",
        "wall",
    )

    def __init__(self, interleaved: bytes, channel: int, sequence: int, timestamp: int, lengths: tuple[int, ...],
                 packet: Packet):
        self.interleaved = interleaved
        self.channel = channel
        self.sequence = sequence
        self.timestamp = timestamp
        self.lengths = lengths
        self.pts = packet.pts
        self.wall = packet.wall
        self.grabbed = packet.grabbed
        self.keyframe = packet.keyframe
        self.card = packet.card
        self._packets: tuple[memoryview, ...] = ()
        self._batches: tuple[Batch, ...] = ()
        self._elsewhere = channel, self.interleaved

    @property
    def data(self) -> bytes:
        """By which histories know the size of what they keep."""
        return self.interleaved

    @property
    def octets(self) -> int:
        return len(self.interleaved) - (HEADER_SIZE + PREFIX_SIZE) * len(self.lengths)

    def on(self, channel: int) -> bytes:
        """The packets as a TCP connection carries them on another channel. What was made is kept for one channel,
        not for each that clients could think of: units wait in queues and histories."""
        if channel == self.channel:
            return self.interleaved
        made_for, data = self._elsewhere
        if made_for != channel:
            changed = bytearray(self.interleaved)
            position = 1
            for length in self.lengths:
                changed[position] = channel
                position += PREFIX_SIZE + length
            data = bytes(changed)
            self._elsewhere = channel, data
        return data

    @property
    def packets(self) -> tuple[memoryview, ...]:
        """The packets by themselves, without a copy."""
        if not self._packets:
            view = memoryview(self.interleaved)
            packets = []
            position = 0
            for length in self.lengths:
                position += PREFIX_SIZE
                packets.append(view[position : position + length])
                position += length
            self._packets = tuple(packets)
        return self._packets

    @property
    def batches(self) -> tuple[Batch, ...]:
        """The packets in as few sends as UDP_SEGMENT allows; copied when the first client asks."""
        if not self._batches:
            self._batches = tuple(_batches(self.packets))
        return self._batches


def _batches(packets: Sequence[memoryview]) -> Iterator[Batch]:
    """Runs of equal length, each with the shorter packet that follows it."""
    start = 0
    while start < len(packets):
        size = len(packets[start])
        most = start + max(1, min(_SEGMENTS, _BATCH_SIZE // size))
        end = start + 1
        while end < len(packets) and end < most and len(packets[end]) == size:
            end += 1
        if end < len(packets) and end < most and len(packets[end]) < size:
            end += 1
        yield Batch(b"".join(packets[start:end]), size)
        start = end


class Packetiser:
    """One RTP stream: Packets in, AccessUnits out, one after the other. Any one thread.

    payload_type: 0..127; clock_rate: of its timestamps, 1/s; channel: of AccessUnit.interleaved. ssrc,
    sequence and offset (of the timestamps) are random, as RFC 3550 section 5.1 wants, unless given.
    packets and octets: sent so far, for sender reports; last: the newest AccessUnit.
    """

    def __init__(self, payload_type: int, clock_rate: int = 90_000, channel: int = 0, ssrc: int | None = None,
                 sequence: int | None = None, offset: int | None = None):
        self.payload_type = payload_type
        self.clock_rate = clock_rate
        self.channel = channel
        self.ssrc = secrets.randbits(32) if ssrc is None else ssrc
        self.sequence = secrets.randbits(16) if sequence is None else sequence
        self.packets = 0
        self.octets = 0
        self.last: AccessUnit | None = None
        self._offset = secrets.randbits(32) if offset is None else offset

    def payloads(self, data: bytes) -> Iterable[Payload]:
        """What each packet carries, for one access unit. Raises Invalid for data that the payload format
        cannot carry."""
        raise NotImplementedError

    def __call__(self, packet: Packet) -> AccessUnit | None:
        """The packets for one Packet; None if there is nothing in it to send. Raises Invalid."""
        parts: list[bytes | memoryview] = []
        lengths: list[int] = []
        first = sequence = self.sequence
        timestamp = self.timestamp_at(packet.pts)
        head, channel, kind, ssrc = _FRAMED.pack, self.channel, self.payload_type, self.ssrc
        for prefix, body in self.payloads(packet.data):
            length = HEADER_SIZE + len(prefix) + len(body)
            lengths.append(length)
            parts += (head(0x24, channel, length, _VERSION, kind, sequence, timestamp, ssrc), prefix, body)
            sequence = (sequence + 1) & 0xFFFF
        if not lengths:
            return None
        parts[-3] = head(0x24, channel, lengths[-1], _VERSION, kind | _MARKER, (sequence - 1) & 0xFFFF, timestamp, ssrc)
        unit = AccessUnit(b"".join(parts), channel, first, timestamp, tuple(lengths), packet)
        self.sequence = sequence
        self.packets = (self.packets + len(lengths)) & 0xFFFFFFFF
        self.octets = (self.octets + unit.octets) & 0xFFFFFFFF
        self.last = unit
        return unit

    def timestamp_at(self, pts: float) -> int:
        """RTP's timestamp of a moment. pts: seconds on the packets' clock."""
        return (self._offset + round(pts * self.clock_rate)) & 0xFFFFFFFF
