"""Parameter sets from a sample entry into the samples: for a file whose video becomes another one on its way.

ISO/IEC 14496-15 section 5.4.2 ("avc3") and 8.4.1 ("hev1"). A file may have several sample entries and say
with each fragment which one counts (ISO/IEC 14496-12 section 8.8.7), but FFmpeg and what is built on it look
at the first one only; what stands before the pictures everybody takes.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import error as StructError
from struct import pack, unpack_from

from ..errors import Invalid
from .boxes import children

#: Bytes of a VisualSampleEntry before its boxes, and with its header (ISO/IEC 14496-12 section 12.1.3).
_VISUAL, _HEADER = 78, 8
_IN_BAND = {b"avc1": b"avc3", b"hvc1": b"hev1"}


def in_band(entry: bytes) -> tuple[bytes, bytes]:
    """The sample entry of a video whose key frames bring their parameter sets, and these as they stand in a
    sample. Codecs without parameter sets keep their entry, and have b"". Pure; raises Invalid."""
    kind = entry[4:8]
    if kind not in _IN_BAND:
        return entry, b""
    boxes = dict(children(entry[_HEADER + _VISUAL :]))
    try:
        units = list(_h264(boxes[b"avcC"]) if kind == b"avc1" else _h265(boxes[b"hvcC"]))
    except (KeyError, IndexError, StructError):
        raise Invalid("", "a sample entry whose parameter sets are broken") from None
    sets = b"".join(pack(">I", len(unit)) + unit for unit in units)
    return entry[:4] + _IN_BAND[kind] + entry[8:], sets


def _h264(configuration: memoryview) -> Iterator[bytes]:
    """Those of an AVCDecoderConfigurationRecord (section 5.3.3.1)."""
    at = 5
    for mask in (0x1F, 0xFF):  # sequences, pictures
        count = configuration[at] & mask
        found, at = _units(configuration, at + 1, count)
        yield from found


def _h265(configuration: memoryview) -> Iterator[bytes]:
    """Those of an HEVCDecoderConfigurationRecord (section 8.3.3.1)."""
    at = 23
    for _ in range(configuration[22]):
        (count,) = unpack_from(">H", configuration, at + 1)
        found, at = _units(configuration, at + 3, count)
        yield from found


def _units(data: memoryview, at: int, count: int) -> tuple[list[bytes], int]:
    """So many units, each behind its length, and where they end."""
    units = []
    for _ in range(count):
        (size,) = unpack_from(">H", data, at)
        unit = bytes(data[at + 2 : at + 2 + size])
        if len(unit) < size:
            raise IndexError
        units.append(unit)
        at += 2 + size
    return units, at
