"""A time as a playlist of HTTP Live Streaming (RFC 8216): its segments are parts of the files as they are.

Each file is a timeline of its own, so a discontinuity stands between two of them, with the description of
the next one. All of this blocks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from math import ceil
from pathlib import Path

from ..errors import Gone, Invalid
from .entries import Record
from .video import Video

#: A segment is so long, up to the next fragment that begins with a key frame (seconds).
SEGMENT = 5.5
#: And ends with any fragment after so long: key frames may never be first (seconds).
LONGEST_SEGMENT = 20.0
#: What a file is called below its number: some players do not load what does not look like video.
NAME = "video.mp4"
#: Files whose segments are remembered: looking for them reads each fragment's index.
_REMEMBERED = 512


@dataclass(frozen=True, slots=True)
class Segment:
    """begin, end: seconds since the start of the file; offset, size: bytes of it."""

    begin: float
    end: float
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Segments:
    """Of one file. head: bytes of the description at its beginning."""

    head: int
    all: tuple[Segment, ...]


@lru_cache(_REMEMBERED)
def segments_of(path: Path, size: int) -> Segments:
    """The segments of a file, as far as it is sent. size: bytes. Raises OSError, Invalid."""
    with path.open("rb") as file:
        video = Video(file)
        return Segments(video.head, tuple(_segments(video, size)))


def _segments(video: Video, size: int) -> Iterator[Segment]:
    scale = video.track.timescale
    begin: float | None = None
    offset = end = behind = 0
    for number, (_, mdat) in enumerate(video.places):
        pictures = video.pictures(number)
        if mdat.end > size:
            break
        if not pictures:
            continue
        time = pictures[0].time / scale
        if begin is not None and (
            (time - begin >= SEGMENT and pictures[0].keyframe) or time - begin >= LONGEST_SEGMENT
        ):
            yield Segment(begin, time, offset, behind - offset)
            begin = None
        if begin is None:
            begin, offset = time, behind or video.places[0][0].offset
        end = pictures[-1].time + pictures[-1].duration
        behind = mdat.end
    if begin is not None:
        yield Segment(begin, end / scale, offset, behind - offset)


def playlist(files: Sequence[tuple[Path, Record]], start: int, end: int) -> bytes:
    """The playlist of a time, Unix milliseconds. Raises Gone if there is no picture in it."""
    lines: list[str] = []
    longest, first = 0.0, None
    for path, record in files:
        try:
            found = segments_of(path, record.size)
        except (OSError, Invalid, LookupError):
            continue
        wanted = [
            one for one in found.all
            if record.start + one.begin * 1000 < end and record.start + one.end * 1000 > start
        ]  # fmt: skip
        if not wanted:
            continue
        if first is None:
            first = max(0.0, (start - record.start) / 1000 - wanted[0].begin)
        else:
            lines.append("#EXT-X-DISCONTINUITY")
        uri = f"{record.id}/{NAME}"
        lines.append(f'#EXT-X-MAP:URI="{uri}",BYTERANGE="{found.head}@0"')
        for one in wanted:
            longest = max(longest, one.end - one.begin)
            lines += [
                f"#EXT-X-PROGRAM-DATE-TIME:{_date(record.start / 1000 + one.begin)}",
                f"#EXTINF:{one.end - one.begin:.6f},",
                f"#EXT-X-BYTERANGE:{one.size}@{one.offset}",
                uri,
            ]
    if first is None:
        raise Gone("There is no recording of this time")
    head = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        f"#EXT-X-TARGETDURATION:{ceil(longest)}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        f"#EXT-X-START:TIME-OFFSET={first:.3f},PRECISE=YES",
    ]
    return "\n".join([*head, *lines, "#EXT-X-ENDLIST", ""]).encode()


def _date(wall: float) -> str:
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
