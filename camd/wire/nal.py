"""Annex B byte streams of H.264 and H.265, taken apart into NAL units.

Rec. ITU-T H.264 and H.265: annex B, table 7-1; ISO/IEC 14496-15 for the form that MP4 files have.

An access unit is one picture. Whoever needs all of its units calls `split` once and hands the result on;
the questions of a source (`is_keyframe`, `parameter_sets`) look no further than the first slice, so what
they cost does not depend on the picture. A regular expression finds start codes in half the time that
`bytes.find` takes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from struct import Struct

from ..errors import Invalid

#: Bytes that are read only, by whoever gets them: what is cut out of a packet is not copied.
Buffer = bytes | memoryview

START_CODE = b"\0\0\0\1"

# nal_unit_type of H.264
H264_IDR, H264_SEI, H264_SPS, H264_PPS, H264_AUD = 5, 6, 7, 8, 9
# nal_unit_type of H.265; 16 to 23 are pictures at which decoding can begin (IRAP)
HEVC_IRAP = range(16, 24)
HEVC_VPS, HEVC_SPS, HEVC_PPS, HEVC_AUD = 32, 33, 34, 35

_PARAMETER_SETS = {"h264": (H264_SPS, H264_PPS), "hevc": (HEVC_VPS, HEVC_SPS, HEVC_PPS)}
#: What a sample of an MP4 file has no use for: its parameter sets are in the init segment, its limits in the
#: index; ends of sequences and filler say nothing to a decoder.
_NOT_IN_SAMPLES = {"h264": frozenset((7, 8, 9, 10, 11, 12, 13, 15)), "hevc": frozenset(range(32, 39))}
_SHORTEST = {"h264": 1, "hevc": 2}

#: Units of an access unit; H.265 has 600 slices at most. More are a lie, and the rest stays in the last one.
LIMIT = 2048

_find_start_codes = re.compile(b"\0\0\1").finditer
_length = Struct(">I").pack


def split(data: Buffer) -> list[memoryview]:
    """The NAL units of an access unit, without start codes and the zeros between units; views, not copies.

    Bytes without a start code are no units: an empty list. About 0.3 us per kB.
    """
    view = memoryview(data)
    units: list[memoryview] = []
    begin = -1
    for match in _start_codes(data):
        found = match.start()
        if begin >= 0:
            _append(units, view, begin, found)
        begin = found + 3
    if begin >= 0:
        _append(units, view, begin, len(view))
    return units


def _start_codes(data: Buffer) -> Iterator[re.Match[bytes]]:
    return islice(_find_start_codes(data), LIMIT)


def _append(units: list[memoryview], view: memoryview, begin: int, end: int) -> None:
    """A unit never ends with a zero: those belong to the next start code, or fill."""
    if end > begin and not view[end - 1]:
        end -= 1
        if end > begin and not view[end - 1]:  # rare, and any number of them
            end = begin + len(bytes(view[begin:end]).rstrip(b"\0"))
    if end > begin:
        units.append(view[begin:end])


def kind(unit: Buffer, codec: str) -> int:
    """nal_unit_type of a unit that is not empty. codec: "h264" or "hevc"."""
    return unit[0] & 0x1F if codec == "h264" else unit[0] >> 1 & 0x3F


def is_slice(kind: int, codec: str) -> bool:
    """Whether a unit of this type is (a part of) the picture itself."""
    return 1 <= kind <= 5 if codec == "h264" else kind < 32


def is_keyframe(data: Buffer, codec: str) -> bool:
    """Whether decoding can begin with this access unit: IDR of H.264, IRAP of H.265.

    The first slice says it for the picture. False if there is none.
    """
    for match in _start_codes(data):
        at = match.end()
        if at == len(data):
            break
        unit = kind(data[at:at + 1], codec)
        if is_slice(unit, codec):
            return unit == H264_IDR if codec == "h264" else unit in HEVC_IRAP
    return False


def parameter_sets(data: Buffer, codec: str) -> tuple[bytes, ...]:
    """Copies of the VPS, SPS and PPS that an access unit begins with, each once, in the order of their types.

    Equal results mean an equal stream: who keeps a description made from the last ones compares.
    """
    wanted = _PARAMETER_SETS[codec]
    found = {bytes(unit): None for unit in _before_slices(data, codec) if kind(unit, codec) in wanted}
    return tuple(sorted(found, key=lambda unit: kind(unit, codec)))


def _before_slices(data: Buffer, codec: str) -> Iterator[memoryview]:
    view = memoryview(data)
    begin = -1
    units: list[memoryview] = []
    for match in _start_codes(data):
        if begin >= 0:
            _append(units, view, begin, match.start())
            yield from units
            units.clear()
        begin = match.end()
        if begin < len(view) and is_slice(kind(view[begin:begin + 1], codec), codec):
            return
    if begin >= 0:
        _append(units, view, begin, len(view))
        yield from units


def sample(units: Sequence[Buffer], codec: str) -> list[Buffer]:
    """What of these units goes into a sample of an MP4 file, each after its length in four bytes; pieces to be
    joined, so that the picture is copied once, into its fragment. Units that only the byte stream needs, and
    parameter sets, are left out (ISO/IEC 14496-15 sections 5.3.2 and 8.3.2: "avc1" and "hvc1" have none).
    """
    left_out = _NOT_IN_SAMPLES[codec]
    return prefixed([unit for unit in units if kind(unit, codec) not in left_out])


def prefixed(units: Sequence[Buffer]) -> list[Buffer]:
    """These units, each after its length in four bytes; pieces to be joined."""
    pieces: list[Buffer] = []
    for unit in units:
        pieces += _length(len(unit)), unit
    return pieces


def annex_b(units: Sequence[Buffer]) -> bytes:
    """An access unit as a byte stream again."""
    return b"".join(piece for unit in units for piece in (START_CODE, unit))


def from_lengths(data: Buffer) -> list[memoryview]:
    """The units of a sample as MP4 files have it, each after its length in four bytes; views.

    Raises Invalid if the lengths do not add up.
    """
    view = memoryview(data)
    units = []
    at = 0
    while at < len(view):
        length = int.from_bytes(view[at:at + 4], "big")
        at += 4 + length
        if not length or at > len(view):
            raise Invalid("", f"a NAL unit of {length} bytes does not fit into a sample of {len(view)}")
        units.append(view[at - length:at])
    return units


def payload(unit: Buffer, codec: str, limit: int) -> bytes:
    """The RBSP behind the header of a unit: without the bytes that keep start codes out of it.

    limit: bytes; a parameter set is small, and the time to read a lie must be, too. Raises Invalid.
    """
    if not _SHORTEST[codec] < len(unit) <= limit:
        raise Invalid("", f"a parameter set of {len(unit)} bytes; at most {limit} are read")
    return bytes(unit[_SHORTEST[codec]:]).replace(b"\0\0\3", b"\0\0")
