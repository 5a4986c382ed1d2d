"""The samples of a fragmented MP4 file, found without decoding: to play from it, to cut it, to repair it.

ISO/IEC 14496-12 section 8.8. Reads what `fmp4` writes and what others write the same way: offsets that count
from the "moof". Everything read may be a lie, see `boxes`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from struct import error as StructError
from struct import unpack_from
from typing import BinaryIO

from ..errors import Invalid
from .boxes import Box, children, walk

#: Bytes of a "moof" or "moov" that are read into memory; a fragment of a thousand samples has 16 kB.
LARGEST_INDEX = 1 << 20
#: Samples of one fragment; a lie names the same bytes again and again.
LIMIT = 1 << 16
_NOT_SYNC = 0x00010000


@dataclass(frozen=True, slots=True)
class StoredSample:
    """One sample of a file. track: its number; time, duration, shift: ticks of its track, shift from time to
    when it is shown; offset, size: bytes in the file."""

    track: int
    time: int
    duration: int
    offset: int
    size: int
    keyframe: bool
    shift: int = 0


def timescales(file: BinaryIO) -> dict[int, int]:
    """Ticks a second by track number, from the "moov". Raises Invalid if there is none, or a broken one."""
    for found in walk(file):
        if found.kind == b"moov":
            content = _content(file, found)
            tracks = [dict(children(part)) for kind, part in children(content) if kind == b"trak"]
            if not tracks:
                raise Invalid("", f"a description of no track at byte {found.offset}")
            try:
                return dict(_timescale(parts) for parts in tracks)
            except (KeyError, StructError):
                raise Invalid("", f"the description of a track is broken at byte {found.offset}") from None
        if found.kind in (b"moof", b"mdat"):
            break
    raise Invalid("", "a file without a description (moov) before its pictures")


def _timescale(track: dict[bytes, memoryview]) -> tuple[int, int]:
    header, media = track[b"tkhd"], dict(children(track[b"mdia"]))[b"mdhd"]
    number = unpack_from(">I", header, 20 if bytes(header[:1]) == b"\1" else 12)[0]
    scale = unpack_from(">I", media, 20 if bytes(media[:1]) == b"\1" else 12)[0]
    if not scale:
        raise Invalid("", f"track {number} counts its time in nothing")
    return number, scale


def samples(file: BinaryIO, moof: Box, mdat: Box) -> list[StoredSample]:
    """The samples of one fragment, as `boxes.fragments` finds it, track by track. Raises Invalid.

    Each lies within the "mdat".
    """
    found: list[StoredSample] = []
    try:
        for kind, content in children(_content(file, moof)):
            if kind != b"traf":
                continue
            for sample in _track_fragment(content, moof, mdat):
                found.append(sample)
                if len(found) > LIMIT:
                    raise Invalid("", f"more than {LIMIT} samples in the fragment at byte {moof.offset}")
    except StructError:
        raise Invalid("", f"the index of the fragment at byte {moof.offset} is cut off") from None
    return found


def _content(file: BinaryIO, found: Box) -> bytes:
    if found.size > LARGEST_INDEX:
        raise Invalid("", f"an index of {found.size} bytes at byte {found.offset}; {LARGEST_INDEX} are read")
    file.seek(found.offset + found.header)
    return file.read(found.size - found.header)


@dataclass(slots=True)
class _Defaults:
    """What "tfhd" says for the samples that say nothing."""

    track: int
    duration: int = 0
    size: int = 0
    flags: int = 0


def _track_fragment(content: memoryview, moof: Box, mdat: Box) -> Iterator[StoredSample]:
    defaults: _Defaults | None = None
    time: int | None = None
    at = mdat.offset + mdat.header
    for kind, part in children(content):
        if kind == b"tfhd":
            defaults = _track_header(part)
        elif kind == b"tfdt":
            time = unpack_from(">Q" if bytes(part[:1]) == b"\1" else ">I", part, 4)[0]
        elif kind == b"trun":
            if defaults is None or time is None:
                raise Invalid("", f"samples without a track or a time at byte {moof.offset}")
            for sample in _run(part, defaults, time, at, moof, mdat):
                yield sample
                time = sample.time + sample.duration
                at = sample.offset + sample.size


def _track_header(part: memoryview) -> _Defaults:
    flags, track = unpack_from(">II", part)
    if flags & 0x000001:
        raise Invalid("", "offsets that count from the start of the file; only those from the moof are read")
    defaults = _Defaults(track)
    at = 8 + (4 if flags & 0x000002 else 0)
    for flag, name in ((0x08, "duration"), (0x10, "size"), (0x20, "flags")):
        if flags & flag:
            setattr(defaults, name, unpack_from(">I", part, at)[0])
            at += 4
    return defaults


def _run(
    part: memoryview, defaults: _Defaults, time: int, at: int, moof: Box, mdat: Box
) -> Iterator[StoredSample]:
    """One "trun". at: where its data is if it does not say."""
    flags, count = unpack_from(">II", part)
    begin = 8
    if flags & 0x000001:
        at = moof.offset + unpack_from(">i", part, begin)[0]
        begin += 4
    first = None
    if flags & 0x000004:
        first = unpack_from(">I", part, begin)[0]
        begin += 4
    present = [bool(flags & flag) for flag in (0x0100, 0x0200, 0x0400, 0x0800)]
    shift_format = ">i" if flags >> 24 else ">I"
    for index in range(count):
        values = [defaults.duration, defaults.size, defaults.flags, 0]
        for column, there in enumerate(present):
            if there:
                values[column] = unpack_from(shift_format if column == 3 else ">I", part, begin)[0]
                begin += 4
        duration, size, sample_flags, shift = values
        if first is not None and index == 0 and not present[2]:
            sample_flags = first
        if size == 0 or at < mdat.offset + mdat.header or at + size > mdat.end:
            raise Invalid("", f"a sample of {size} bytes at byte {at}, outside its fragment's data")
        yield StoredSample(defaults.track, time, duration, at, size, not sample_flags & _NOT_SYNC, shift)
        time += duration
        at += size
