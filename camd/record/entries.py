"""What the index knows: Records, Gaps and Tags as immutable objects, and what one may ask for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

KINDS = ("continuous", "schedule", "event", "manual", "timelapse", "snapshot")
#: Records on one page, unless asked for fewer.
PAGE = 50
LARGEST_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Record:
    """One file. filename: below the place of recordings; start, end, duration: milliseconds, the first two
    since 1970; state: recording, ready, defect; reason: why it is defect, or was cut; sha256: hexadecimal, ""
    while it grows; tags: how many lie in it; synchronised: whether the clock was right."""

    id: int
    filename: str
    camera: str
    kind: str
    media_type: str
    encoding: str
    codec: str
    start: int
    end: int
    duration: int
    size: int
    resolution: str
    fps: float
    state: str
    reason: str
    sha256: str
    tags: int
    synchronised: bool

    def shown(self) -> dict[str, Any]:
        """As clients see it; the product's names, and some more."""
        return {
            "id": self.id,
            "recording_id": self.id,
            "filename": self.filename,
            "camera": self.camera,
            "kind": self.kind,
            "media_type": self.media_type,
            "encoding": self.encoding,
            "codec": self.codec,
            "timestamp_start": self.start,
            "timestamp_end": self.end,
            "duration": self.duration / 1000,
            "size": self.size,
            "file_size": self.size,
            "resolution": self.resolution,
            "fps": self.fps,
            "state": self.state,
            "reason": self.reason,
            "sha256": self.sha256,
            "tag_markers": self.tags,
            "synchronised": self.synchronised,
        }


@dataclass(frozen=True, slots=True)
class Gap:
    """A time in which something should have been recorded. end: None while it goes on."""

    camera: str
    start: int
    end: int | None
    reason: str

    def shown(self) -> dict[str, Any]:
        return {
            "camera": self.camera,
            "timestamp_start": self.start,
            "timestamp_end": self.end,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class Tag:
    """A moment that somebody marked. camera: "" for all of them; category: its id, or None."""

    id: int
    timestamp: int
    title: str
    note: str = ""
    camera: str = ""
    category: int | None = None
    created_by: str = ""

    def shown(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "timestamp": self.timestamp,
            "title": self.title,
            "note": self.note,
            "camera": self.camera or None,
            "category": self.category,
            "created_by": self.created_by,
        }


@dataclass(frozen=True, slots=True)
class Filter:
    """Which records: of these cameras (None: all), kinds and states, that have a part between start and end
    (Unix milliseconds), with this text in their name or in a tag. tagged: with a tag, without one."""

    cameras: frozenset[str] | None = None
    kinds: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    start: int | None = None
    end: int | None = None
    text: str = ""
    tagged: bool | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the records that were asked for, the newest first. total: how many there are; cursor: asks for
    what follows, "" at the end."""

    records: tuple[Record, ...]
    total: int
    cursor: str = ""
