"""A time as a playlist of HTTP Live Streaming (RFC 8216): its segments are parts of the files as they are.

Each file is a timeline of its own, so a discontinuity stands between two of them, with the description of
the next one; so does one where something damaged is left out, up to the next key frame. All of this blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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
#: Damages of a file that are told.
_TOLD = 3


@dataclass(frozen=True, slots=True)
class Segment:
    """begin, end: seconds since the start of the file; offset, size: bytes of it; is_behind: something damaged is
    left out before it."""

    begin: float
    end: float
    offset: int
    size: int
    is_behind: bool = False


@dataclass(frozen=True, slots=True)
class Segments:
    """Of one file. head: bytes of the description at its beginning; damage: what is left out, "" for nothing."""

    head: int
    all: tuple[Segment, ...]
    damage: str = ""


@lru_cache(_REMEMBERED)
def segments_of(path: Path, size: int) -> Segments:
    """The segments of a file, as far as it is sent. size: bytes. Raises OSError, Invalid."""
    with path.open("rb") as file:
        video = Video(file)
        damages: list[str] = []
        found = tuple(_segments(video, size, damages.append))
        return Segments(video.head, found, "; ".join(damages[:_TOLD]))


def _segments(video: Video, size: int, damaged: Callable[[str], None]) -> Iterator[Segment]:
    scale = video.track.timescale
    begin: float | None = None
    offset = end = behind = 0
    is_behind = False
    for number, (moof, mdat) in enumerate(video.places):
        if mdat.end > size:
            break
        try:
            pictures = video.some(number)
        except Invalid as error:
            damaged(str(error))
            if begin is not None:
                yield Segment(begin, end / scale, offset, behind - offset, is_behind)
            begin, is_behind = None, True
            continue
        time = pictures[0].time / scale
        if begin is not None and (
            (time - begin >= SEGMENT and pictures[0].keyframe) or time - begin >= LONGEST_SEGMENT
        ):
            yield Segment(begin, time, offset, behind - offset, is_behind)
            begin, is_behind = None, False
        if begin is None:
            if is_behind and not pictures[0].keyframe:  # it refers to what is left out
                continue
            begin, offset = time, moof.offset if is_behind else behind or moof.offset
        end = pictures[-1].time + pictures[-1].duration
        behind = mdat.end
    if begin is not None:
        yield Segment(begin, end / scale, offset, behind - offset, is_behind)
    whole = video.places[-1][1].end if video.places else video.head
    if whole < size:
        damaged(f"the rest from byte {whole} of {size} on is no video")


def playlist(
    files: Sequence[tuple[Path, Record]],
    start: int,
    end: int,
    damaged: Callable[[Record, str], None] = lambda record, reason: None,
) -> bytes:
    """The playlist of a time, Unix milliseconds; damaged(record, reason) hears of each file that has something
    that is left out. Raises Gone if there is no picture in it."""
    lines: list[str] = []
    longest, first = 0.0, None
    for path, record in files:
        try:
            found = segments_of(path, record.size)
        except FileNotFoundError:  # it was deleted meanwhile
            continue
        except (OSError, Invalid) as error:
            damaged(record, str(error))
            continue
        if found.damage:
            damaged(record, found.damage)
        wanted = [
            one for one in found.all
            if record.start + one.begin * 1000 < end and record.start + one.end * 1000 > start
        ]  # fmt: skip
        uri = f"{record.id}/{NAME}"
        description = f'#EXT-X-MAP:URI="{uri}",BYTERANGE="{found.head}@0"'
        for number, one in enumerate(wanted):
            if first is None:
                first = max(0.0, (start - record.start) / 1000 - one.begin)
                lines.append(description)
            elif number == 0 or one.is_behind:
                lines += ["#EXT-X-DISCONTINUITY", description]
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
