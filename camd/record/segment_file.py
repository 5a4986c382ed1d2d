"""SegmentFile: one file while it is written: fragments go to the disk whole, and are hashed on their way.

Behind its description stands a box with the camera and the time, so that the file can be understood without
any index. All of this blocks.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import Invalid, StorageFull
from ..media.frame import INTER
from ..wire import fmp4, nal
from ..wire.boxes import box, walk
from ..wire.fmp4 import Run, Sample
from ..wire.nal import Buffer
from ..wire.track import VIDEO_TIMESCALE
from .changes import Began, Finished
from .cutter import Chunk, Segment

#: The type of our own box (ISO/IEC 14496-12 section 4.2, "uuid"; RFC 9562, version 8).
LABEL = bytes.fromhex("63616d64726563888f7461626c656c31")
#: Of one pwritev (IOV_MAX).
_MOST_PIECES = 1024
#: A label is never larger (bytes).
_LARGEST_LABEL = 4096
#: What a label may say, for a disk may come from anywhere: Unix milliseconds, characters.
LATEST, _LONGEST_TEXT = 1 << 45, 64


class StorageError(StorageFull):
    """What is recorded cannot be written; the text says why. full: there is no room."""

    def __init__(self, text: str, full: bool = False):
        super().__init__(text)
        self.full = full


@dataclass(frozen=True, slots=True)
class Label:
    """What a file says of itself. start: Unix milliseconds."""

    camera: str
    kind: str
    codec: str
    start: int
    synchronised: bool


def write_label(label: Label) -> bytes:
    """The box of a label."""
    text = {
        "camera": label.camera,
        "kind": label.kind,
        "codec": label.codec,
        "start": label.start,
        "synchronised": label.synchronised,
    }
    return box(b"uuid", LABEL, json.dumps(text).encode())


def read_label(file: BinaryIO) -> Label | None:
    """The label of a file; None if it is none of ours."""
    try:
        for found in walk(file):
            if found.kind in (b"moof", b"mdat"):
                return None
            if found.kind == b"uuid" and found.size <= _LARGEST_LABEL:
                file.seek(found.offset + found.header)
                content = file.read(found.size - found.header)
                if content.startswith(LABEL):
                    return _label(json.loads(content[len(LABEL) :]))
    except (Invalid, ValueError):
        pass
    return None


def _label(told: Any) -> Label | None:
    if not isinstance(told, dict):
        return None
    found: list[Any] = [told.get(name) for name in ("camera", "kind", "codec", "start", "synchronised")]
    if [type(value) for value in found] != [str, str, str, int, bool] or not 0 <= found[3] <= LATEST:
        return None
    if not all(0 < len(text) <= _LONGEST_TEXT and text.isascii() and text.isprintable() for text in found[:3]):
        return None
    return Label(*found)


def file_name(camera: str, start: int, suffix: str = "mp4") -> str:
    """Where a file belongs, below the place of recordings. start: Unix milliseconds."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=start)
    return f"{camera}/{moment:%Y/%m/%d/%H%M%S}_{start % 1000:03}.{suffix}"


def create(root: Path, camera: str, start: int, suffix: str = "mp4") -> tuple[str, int]:
    """A new file and its descriptor, under the name of its time or the next one that is free. The place
    itself is not made: a disk that is not there must not become a folder. Raises OSError."""
    while True:
        name = file_name(camera, start, suffix)
        path = root / name
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        except FileNotFoundError:
            if not root.is_dir():
                raise
            path.parent.mkdir(0o750, parents=True, exist_ok=True)
            continue
        except FileExistsError:
            start += 1
            continue
        sync_folder(path.parent)
        return name, descriptor


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class SegmentFile:
    """The file of one Segment. began: what the index needs of it; end: bytes that are whole."""

    def __init__(self, root: Path, camera: str, segment: Segment, synchronised: bool):
        start = round(segment.wall * 1000)
        name, self._descriptor = create(root, camera, start)
        self.segment = segment
        self.path = root / name
        self.began = Began(name, camera, segment.kind, segment.codec, start, segment.resolution, synchronised)
        self.end = 0
        self._hash = hashlib.sha256()
        self._sequence = 0
        self._pictures = 0
        self._ticks = 0
        label = Label(camera, segment.kind, segment.codec, start, synchronised)
        self._head: bytes = segment.init + write_label(label)

    @property
    def wall_end(self) -> int:
        """When its last picture is over, Unix milliseconds."""
        return self.began.start + self.duration

    @property
    def duration(self) -> int:
        """Milliseconds."""
        return round(self._ticks * 1000 / VIDEO_TIMESCALE)

    def write(self, chunk: Chunk) -> None:
        """Append a fragment; OSError if that does not go, and then the file ends where it did before."""
        self._sequence += 1
        pieces = fragment(self._sequence, chunk)
        if self._head:
            pieces.insert(0, self._head)
        try:
            size = _write_all(self._descriptor, pieces, self.end)
        except OSError:
            os.ftruncate(self._descriptor, self.end)
            raise
        self._head = b""
        self.end += size
        for piece in pieces:
            self._hash.update(piece)
        self._pictures += len(chunk.packets)
        self._ticks = chunk.times[-1]

    def sync(self) -> None:
        """Bring what was written to the disk, and nothing that can be found without."""
        os.fdatasync(self._descriptor)

    def finish(self, reason: str = "") -> Finished:
        """Close it; of a file that never had a fragment nothing stays (state "defect")."""
        try:
            os.fdatasync(self._descriptor)
        finally:
            os.close(self._descriptor)
        if not self.end:
            self.path.unlink(missing_ok=True)
        seconds = self._ticks / VIDEO_TIMESCALE
        fps = round(self._pictures / seconds, 3) if seconds else 0.0
        return Finished(
            self.began.filename,
            self.duration,
            self.end,
            fps,
            self._hash.digest(),
            reason,
            "ready" if self.end else "defect",
        )


def fragment(sequence: int, chunk: Chunk) -> list[Buffer]:
    """The bytes of a fragment, in pieces: pictures are not copied. About 10 us for each of them."""
    samples = []
    for packet, time, after in zip(chunk.packets, chunk.times, chunk.times[1:], strict=False):
        coded = packet.codec in INTER
        pieces = nal.sample(nal.split(packet.data), packet.codec) if coded else (packet.data,)
        samples.append(Sample(pieces, after - time, packet.keyframe))
    run = Run(chunk.segment.track, chunk.times[0], samples)
    return fmp4.fragment_pieces(sequence, run, *chunk.sound, wall=chunk.packets[0].wall)


def _write_all(descriptor: int, pieces: Sequence[Buffer], at: int) -> int:
    """Write them one after the other from that byte on; returns how many bytes they are."""
    start = at
    left = [piece for piece in pieces if piece]
    while left:
        written = os.pwritev(descriptor, left[:_MOST_PIECES], at)
        at += written
        done = 0
        while done < len(left) and written >= len(left[done]):
            written -= len(left[done])
            done += 1
        left = left[done:]
        if written:
            left[0] = memoryview(left[0])[written:]
    return at - start
