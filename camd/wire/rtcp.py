"""RTCP (RFC 3550 section 6): what a sender of media says and hears; with the key-frame requests of AVPF.

A stream has one SSRC for all clients, so its sender report is the same bytes for everybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import TYPE_CHECKING

from ..errors import Invalid

if TYPE_CHECKING:
    from .rtp import Packetiser

SENDER_REPORT, RECEIVER_REPORT, SOURCE_DESCRIPTION, GOODBYE = 200, 201, 202, 203
PAYLOAD_FEEDBACK = 206
_KNOWN = range(192, 224)
#: Picture loss indication, full intra request (RFC 4585 section 6.3.1, RFC 5104 section 4.3.1).
_KEYFRAME_FEEDBACK = (1, 4)
#: What one compound may hold; a receiver of two media needs three or four.
SIZE_LIMIT = 2048
#: From 1900 to 1970, seconds.
_NTP_EPOCH = 2_208_988_800
#: A report maps "now" by the newest packet if that is no older, or younger by the wall clock, seconds.
_EXTRAPOLATED = 10.0

_SENDER = Struct(">BBHIQIII")
_BLOCK = Struct(">IB3sIIII")


def ntp(wall: float) -> int:
    """NTP's 64 bits of a moment: seconds since 1900 and their fraction. wall: UTC seconds since 1970."""
    return int((wall + _NTP_EPOCH) * (1 << 32)) & 0xFFFFFFFFFFFFFFFF


def sender_report(ssrc: int, wall: float, timestamp: int, packets: int, octets: int) -> bytes:
    """A sender report without blocks: `wall` (UTC seconds) and `timestamp` (RTP) are the same moment."""
    return _SENDER.pack(0x80, SENDER_REPORT, 6, ssrc, ntp(wall), timestamp, packets, octets)


def source_description(ssrc: int, cname: str) -> bytes:
    """SDES with the one item that is needed. cname: up to 255 bytes; the same for all media of a camera."""
    name = cname.encode()[:255]
    chunk = ssrc.to_bytes(4, "big") + b"\1" + bytes((len(name),)) + name
    chunk += bytes(4 - len(chunk) % 4)  # at least one, which ends the list
    return bytes((0x81, SOURCE_DESCRIPTION)) + (len(chunk) // 4).to_bytes(2, "big") + chunk


def goodbye(ssrc: int) -> bytes:
    """BYE: this stream ends."""
    return bytes((0x81, GOODBYE, 0, 1)) + ssrc.to_bytes(4, "big")


def report(stream: Packetiser, cname: str, wall: float, ends: bool = False) -> bytes | None:
    """The compound that goes with a stream every few seconds, and with BYE at its end; None before its
    first packet. wall: now, UTC seconds."""
    last = stream.last
    if last is None:
        return None
    elapsed = wall - last.wall
    if not 0 <= elapsed <= _EXTRAPOLATED:  # the clock was set, or the camera is silent
        elapsed = 0.0
    timestamp = stream.timestamp_at(last.pts + elapsed)
    data = sender_report(stream.ssrc, last.wall + elapsed, timestamp, stream.packets, stream.octets)
    data += source_description(stream.ssrc, cname)
    return data + goodbye(stream.ssrc) if ends else data


def interleaved(data: bytes, channel: int) -> bytes:
    """A compound as a TCP connection carries it (RFC 2326 section 10.12)."""
    return b"$" + bytes((channel,)) + len(data).to_bytes(2, "big") + data


@dataclass(frozen=True, slots=True)
class Block:
    """What a receiver has of one stream. lost: the part of the packets since its last report, 0..1;
    lost_total; highest: sequence number with its cycles; jitter: RTP's units; last_report, delay: LSR
    and DLSR, 1/65536 s."""

    ssrc: int
    lost: float
    lost_total: int
    highest: int
    jitter: int
    last_report: int
    delay: int

    def round_trip(self, wall: float) -> float | None:
        """Seconds there and back; None without a report to go by. wall: when this came, UTC seconds."""
        if not self.last_report:
            return None
        ticks = ((ntp(wall) >> 16) - self.last_report - self.delay) & 0xFFFFFFFF
        return ticks / 65536 if ticks < 1 << 31 else 0.0


@dataclass(frozen=True, slots=True)
class Feedback:
    """One compound of a receiver. sources: who speaks; keyframe: it asks for one; goodbye: it leaves."""

    sources: frozenset[int]
    blocks: tuple[Block, ...] = ()
    keyframe: bool = False
    goodbye: bool = False


def parse(data: bytes | memoryview) -> Feedback:
    """A compound of a receiver, reduced-size ones (RFC 5506) and unknown packets included. Pure.

    Raises Invalid if it is not RTCP from end to end (RFC 3550 appendix A.2).
    """
    if not 8 <= len(data) <= SIZE_LIMIT:
        raise Invalid("", f"RTCP of {len(data)} bytes")
    data = bytes(data)
    sources: set[int] = set()
    blocks: list[Block] = []
    keyframe = leaves = False
    position = 0
    while position < len(data):
        first = data[position]
        end = position + 4 + 4 * int.from_bytes(data[position + 2 : position + 4], "big")
        if position + 4 > len(data) or first >> 6 != 2 or end > len(data) or data[position + 1] not in _KNOWN:
            raise Invalid("", f"no RTCP packet at byte {position}")
        if first & 0x20 and end != len(data):
            raise Invalid("", "RTCP padding before the last packet")
        kind, count = data[position + 1], first & 31
        if end >= position + 8 and not (kind == GOODBYE and count == 0):
            sources.add(int.from_bytes(data[position + 4 : position + 8], "big"))
        if kind in (SENDER_REPORT, RECEIVER_REPORT):
            blocks += _blocks(data[position + (28 if kind == SENDER_REPORT else 8) : end], count)
        elif kind == GOODBYE:
            leaves = True
        elif kind == PAYLOAD_FEEDBACK and count in _KEYFRAME_FEEDBACK:
            keyframe = True
        position = end
    return Feedback(frozenset(sources), tuple(blocks), keyframe, leaves)


def _blocks(data: bytes, count: int) -> list[Block]:
    if len(data) < count * _BLOCK.size:
        raise Invalid("", "the RTCP report is shorter than its blocks")
    blocks = []
    for number in range(count):
        ssrc, fraction, lost, highest, jitter, last, delay = _BLOCK.unpack_from(data, number * _BLOCK.size)
        total = int.from_bytes(lost, "big", signed=True)
        blocks.append(Block(ssrc, fraction / 256, total, highest, jitter, last, delay))
    return blocks
