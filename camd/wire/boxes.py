"""Boxes of the ISO base media file format (ISO/IEC 14496-12 section 4.2), written and read.

What is read may be cut off, damaged or made to harm: every size is held against what is there, every loop
has an end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from struct import pack, unpack
from typing import BinaryIO

from ..errors import Invalid
from .nal import Buffer

#: Boxes in one file or box; more are a lie. An hour of fragments of one picture each has 360 thousand.
LIMIT = 1 << 20


def box(kind: bytes, *content: Buffer) -> bytes:
    """One box of a four-letter type, smaller than 4 GiB."""
    return b"".join([pack(">I4s", 8 + sum(map(len, content)), kind), *content])


def full_box(kind: bytes, version: int, flags: int, *content: Buffer) -> bytes:
    """A box whose content begins with a version and 24 bits of flags."""
    return box(kind, pack(">I", version << 24 | flags), *content)


@dataclass(frozen=True, slots=True)
class Box:
    """Where a box is: offset and size in bytes, size with its header; header: 8, or 16 with a long size."""

    kind: bytes
    offset: int
    size: int
    header: int

    @property
    def end(self) -> int:
        return self.offset + self.size


def walk(file: BinaryIO, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """The boxes of a file between two offsets (default: all). file: seekable; read in this thread.

    Reads 16 bytes for each. Raises Invalid at the first that is not whole.
    """
    if end is None:
        end = file.seek(0, 2)
    for _ in range(LIMIT):
        if start >= end:
            return
        file.seek(start)
        found = _header(file.read(16), start, end)
        yield found
        start = found.end
    raise Invalid("", f"more than {LIMIT} boxes in one file")


def _header(data: Buffer, offset: int, end: int) -> Box:
    if len(data) < 8 or end - offset < 8:
        raise Invalid("", f"a box that is cut off at byte {offset}")
    size, kind = unpack(">I4s", data[:8])
    header = 8
    if size == 1 and len(data) >= 16:
        size, header = int.from_bytes(data[8:16], "big"), 16
    elif size == 0 and kind != b"\0\0\0\0":  # the last one; zeros alone are a file that was never written
        size = end - offset
    if size < header or size > end - offset:
        raise Invalid("", f"a box of {size} bytes at byte {offset}, where {end - offset} are left")
    return Box(kind, offset, size, header)


def children(content: Buffer) -> Iterator[tuple[bytes, memoryview]]:
    """The boxes in the content of a box: type and content, views. Raises Invalid at one that is not whole."""
    view = memoryview(content)
    at = 0
    while at < len(view):  # ends: each has 8 bytes at least, and all is in memory
        found = _header(view[at:at + 16], at, len(view))
        yield found.kind, view[at + found.header:found.end]
        at = found.end


def fragments(file: BinaryIO, start: int = 0, end: int | None = None) -> Iterator[tuple[Box, Box]]:
    """The "moof" of each fragment and the "mdat" that follows it. Raises Invalid as `walk` does."""
    moof: Box | None = None
    for found in walk(file, start, end):
        if moof is not None and found.kind == b"mdat":
            yield moof, found
        moof = found if found.kind == b"moof" else None


def whole_end(file: BinaryIO, start: int = 0) -> int:
    """Where the last whole fragment of a file ends that was cut off while it was written; bytes.

    start: 0, or the end of a box that is known to be whole. From 0 on, a file without a fragment ends behind
    its "moov", and one without that at 0: there is nothing in it. What comes behind can be cut off.
    """
    end = start
    before = b""
    try:
        for found in walk(file, start):
            if found.kind == b"moov" or found.kind == b"mdat" and before == b"moof":
                if start == 0 and end == 0 and found.kind != b"moov":
                    return 0  # pictures that nothing describes
                end = found.end
            before = found.kind
    except Invalid:
        pass  # the cut that was looked for
    return end
