"""Repair: makes the index and the disk agree, after a crash or whatever else. All of this blocks."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import Invalid
from ..wire.boxes import fragments, whole_end
from ..wire.samples import samples, timescales
from . import queries
from .changes import Began, Finished, adopt, begin, finish, forget, lose, mark
from .entries import Record
from .index import Index
from .segment_file import Label, read_label

MISSING = "the file is missing"
CUT = "camd ended unexpectedly; the file was cut to its last whole fragment"
#: More files than these were not begun in the moment of an end: they are taken up beside everything else.
MOST_BEGUN = 50
#: If more than this part of all files is missing, they are not: the disk is another one.
BRAKE = 0.5


@dataclass(frozen=True, slots=True)
class Measured:
    """Of a file's whole fragments. end: bytes; duration: milliseconds; pictures: how many; fps: a second."""

    end: int
    duration: int
    pictures: int
    fps: float


@dataclass(slots=True)
class Report:
    """What was done, in files."""

    ready: int = 0
    cut: int = 0
    defect: int = 0
    adopted: int = 0
    missing: int = 0
    removed: int = 0
    foreign: int = 0
    refused: str = ""


def measure(path: Path) -> Measured:
    """Look through a video; raises OSError, and Invalid for a file that is none."""
    with path.open("rb") as file:
        end = whole_end(file)
        track, scale = next(iter(timescales(file).items()))  # of pictures: that of sound comes after it
        last = pictures = 0
        for moof, mdat in fragments(file, 0, end):
            found = [sample for sample in samples(file, moof, mdat) if sample.track == track]
            pictures += len(found)
            last = max((sample.time + sample.duration for sample in found), default=last)
    return Measured(
        end, round(last * 1000 / scale), pictures, round(pictures * scale / last, 3) if last else 0.0
    )


def digest(path: Path) -> bytes:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def cut(path: Path) -> Measured:
    """Cut a file behind its last whole fragment and bring that to the disk."""
    found = measure(path)
    if path.stat().st_size > found.end:
        with path.open("r+b") as file:
            file.truncate(found.end)
            os.fsync(file.fileno())
    return found


def listed(root: Path) -> dict[str, int]:
    """Size by name of all files below the place of recordings: <camera>/YYYY/MM/DD/<name>. Names that are no
    text are not camd's."""
    return dict(_files(root, "", 4))


def _files(folder: Path, prefix: str, depth: int) -> Iterator[tuple[str, int]]:
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return
    for entry in entries:
        if not entry.name.isprintable():  # half characters stand for bytes that are not UTF-8
            continue
        if depth and entry.is_dir(follow_symlinks=False):
            yield from _files(Path(entry.path), f"{prefix}{entry.name}/", depth - 1)
        elif not depth and entry.is_file(follow_symlinks=False):
            yield prefix + entry.name, entry.stat(follow_symlinks=False).st_size


class Repair:
    """now: Unix milliseconds. Works on an open Index by itself: nobody else writes to it meanwhile."""

    def __init__(self, index: Index, root: Path, now: int):
        self.report = Report()
        self.strangers: list[str] = []
        self._index = index
        self._root = root
        self._now = now

    def run(self) -> Report:
        """What must be done before anything is recorded: finish what was begun, and see what is there. The
        files that nobody knows are left in `strangers`, for `adopt_all`."""
        for record in self._index.read_now(queries.unfinished):
            self._unfinished(record)
        there = listed(self._root)
        known = self._index.read_now(queries.filenames)
        self.strangers = sorted(there.keys() - known.keys())
        if not self._index.is_new and len(self.strangers) <= MOST_BEGUN:
            self.strangers = [name for name in self.strangers if not self._was_begun(name)]
        missing = [name for name, (state, _) in known.items() if name not in there and state == "ready"]
        ready = sum(state == "ready" for state, _ in known.values())
        if len(missing) > max(10, ready * BRAKE):
            self.report.refused = (
                f"{len(missing)} of {ready} recordings are not in {self._root}; is it the right disk?"
            )
            return self.report
        for name in missing:
            self._change(mark, name, "defect", MISSING)
        self.report.missing = len(missing)
        return self.report

    def adopt_all(self) -> Report:
        """Take up the files that nobody knew."""
        for name in self.strangers:
            try:
                self._adopt(name)
            except (OSError, Invalid):
                self.report.foreign += 1
        return self.report

    def _change(self, change: Any, *args: Any) -> None:
        self._index.commit_now([(change, args)])

    def _was_begun(self, name: str) -> bool:
        """Whether this is a file that camd had begun and not noted yet when it ended: newer than all that is known of
        its camera. It is noted and repaired then."""
        try:
            with (self._root / name).open("rb") as file:
                label = read_label(file)
            if label is None or label.start < self._index.read_now(queries.newest, label.camera):
                return False
            if not measure(self._root / name).pictures:
                return False
        except (OSError, Invalid):
            return False
        self._change(begin, self._began(name, label))
        self._unfinished(self._index.read_now(queries.named, name))
        return True

    def _began(self, name: str, label: Label) -> Began:
        size = _size(self._root / name)
        return Began(name, label.camera, label.kind, label.codec, label.start, size, label.synchronised)

    def _unfinished(self, record: Record) -> None:
        path = self._root / record.filename
        if record.state == "removing":
            path.unlink(missing_ok=True)
            self._change(forget, record.filename)
            self.report.removed += 1
            return
        try:
            found = cut(path)
            if not found.pictures:
                raise Invalid("", "there is no picture in it")
        except FileNotFoundError:
            self._change(mark, record.filename, "defect", MISSING)
            self.report.missing += 1
        except (OSError, Invalid) as error:
            self._change(mark, record.filename, "defect", str(error))
            self.report.defect += 1
        else:
            end = record.start + found.duration
            done = Finished(record.filename, found.duration, found.end, found.fps, digest(path), CUT)
            self._change(finish, done)
            self._change(lose, record.camera, end, None, "camd ended unexpectedly")
            self.report.cut += 1

    def _adopt(self, name: str) -> None:
        path = self._root / name
        if name.endswith(".jpg"):
            self._adopt_picture(name, path)
            return
        with path.open("rb") as file:
            label = read_label(file)
        if label is None or name.split("/")[0] != label.camera:
            if name.endswith(".mp4") and not path.stat().st_size:  # made, and never written
                path.unlink()
            else:
                self.report.foreign += 1
            return
        found = cut(path)
        if not found.pictures:
            path.unlink()
            self.report.removed += 1
            return
        began = self._began(name, label)
        done = Finished(name, found.duration, found.end, found.fps, None)
        self._change(adopt, began, done)
        self.report.adopted += 1

    def _adopt_picture(self, name: str, path: Path) -> None:
        camera, year, month, day, time = name.removesuffix(".jpg").split("/")
        try:
            moment = datetime.strptime(f"{year}{month}{day}{time}", "%Y%m%d%H%M%S_%f").replace(tzinfo=UTC)
        except ValueError:
            self.report.foreign += 1
            return
        start = round(moment.timestamp() * 1000)
        began = Began(name, camera, "snapshot", "mjpeg", start, "", True, "image", "jpg")
        self._change(adopt, began, Finished(name, 0, path.stat().st_size, 0.0, None))
        self.report.adopted += 1


def _size(path: Path) -> str:
    """Width and height of a video from its track header (ISO/IEC 14496-12 section 8.3.2)."""
    with path.open("rb") as file:
        head = file.read(4096)
    at = head.find(b"tkhd")
    width, height = (int.from_bytes(head[at + n : at + n + 2], "big") for n in (92, 96))
    return f"{width}x{height}" if at > 0 else ""
