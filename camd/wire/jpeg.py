"""What the header of a JPEG says (ITU-T T.81 annex B), without decoding it."""

from __future__ import annotations

from ..errors import Invalid

START = b"\xff\xd8"
END = b"\xff\xd9"
_SCAN = 0xDA
_HUFFMAN_TABLES = b"\xff\xc4"
#: Start of frame, baseline to lossless; between them are tables (DHT, JPG, DAC).
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
#: Markers without a segment: TEM, RSTn, SOI.
_BARE = frozenset((0x01, *range(0xD0, 0xD9)))


def size(data: bytes) -> tuple[int, int]:
    """Width and height in pixels. Raises Invalid if there is no frame header."""
    at = 2
    while data.startswith(START) and at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in _FRAMES:
            height, width = (int.from_bytes(data[at + n:at + n + 2], "big") for n in (5, 7))
            if width and height:
                return width, height
            break
        if marker == _SCAN:
            break
        if marker == 0xFF:  # fill
            at += 1
        elif marker in _BARE:
            at += 2
        else:
            at += 2 + int.from_bytes(data[at + 2:at + 4], "big")
    raise Invalid("", f"{len(data)} bytes that are no JPEG")


def is_whole(data: bytes) -> bool:
    """Whether a browser can show it as it is: AVI files may leave out the Huffman tables (DHT)."""
    return data.startswith(START) and _HUFFMAN_TABLES in data[:data.find(b"\xff\xda")]
