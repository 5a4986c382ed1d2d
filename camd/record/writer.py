"""Writer: brings what one camera records to the disk, job by job, and says what the index has to know of it.

All of this blocks; one thread at a time.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..wire.track import VIDEO_TIMESCALE
from .changes import begin, finish, grow, lose
from .cutter import STEP, Chunk
from .segment_file import SegmentFile, StorageError

#: The index is told so often how far a file has come (seconds).
TELL = 10.0
_FULL = {errno.ENOSPC, errno.EDQUOT}


@dataclass(frozen=True, slots=True)
class End:
    """The file is over. gap: why pictures are missing from here on, "" if none are; reason: what the record
    says."""

    gap: str = ""
    reason: str = ""


@dataclass(slots=True)
class Outcome:
    """What a job did. changes: for the index, in order; file: what is written now, "" for none; written:
    bytes, of so many seconds; clock: what the wall clock was ahead of the pictures' when it began; trouble: why
    not everything was written."""

    changes: list[tuple[Callable[..., Any], tuple[Any, ...]]] = field(default_factory=list)
    file: str = ""
    written: int = 0
    seconds: float = 0.0
    clock: float = 0.0
    trouble: StorageError | None = None


class Writer:
    """root(): where recordings are kept at this moment; synchronised(): whether the clock is right."""

    def __init__(
        self,
        camera: str,
        root: Callable[[], Path],
        synchronised: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ):
        self._camera = camera
        self._root = root
        self._synchronised = synchronised
        self._clock = clock
        self._file: SegmentFile | None = None
        self._told = 0.0
        self._end = 0  # of the last file, Unix milliseconds

    def work(self, jobs: Sequence[Chunk | End]) -> Outcome:
        """Write these, one after the other, and bring all of it to the disk. Never raises OSError: after
        trouble the file is closed with what is whole, and the rest of the jobs is not done."""
        outcome = Outcome()
        try:
            for job in jobs:
                if isinstance(job, End):
                    self._finish(outcome, job)
                else:
                    self._write(job, outcome)
            if self._file is not None:
                self._file.sync()
                self._tell(self._file, outcome)
        except OSError as error:
            outcome.trouble = StorageError(
                f"cannot write to {self._root()}: {error.strerror or error}", error.errno in _FULL
            )
            self._give_up(outcome)
        if self._file is not None:
            outcome.file = self._file.began.filename
            outcome.clock = self._file.segment.wall - self._file.segment.pts
        return outcome

    def _write(self, chunk: Chunk, outcome: Outcome) -> None:
        outcome.seconds += (chunk.times[-1] - chunk.times[0]) / VIDEO_TIMESCALE
        if self._file is not None and self._file.segment is not chunk.segment:
            self._go_over(chunk, outcome)
        if self._file is None:
            self._file = SegmentFile(self._root(), self._camera, chunk.segment, self._synchronised())
            self._told = self._clock()
            self._file.write(chunk)
            outcome.changes.append((begin, (self._file.began,)))
            outcome.written += self._file.end
            return
        before = self._file.end
        self._file.write(chunk)
        outcome.written += self._file.end - before

    def _go_over(self, chunk: Chunk, outcome: Outcome) -> None:
        """From one file to the next, with nothing in between but what the wall clock left out: that nobody will
        find, and must be told why. If the clock was wrong before, the index will move what is there instead."""
        was_right = self._file is not None and self._file.began.synchronised
        self._finish(outcome, End())
        start = round(chunk.segment.wall * 1000)
        ahead = (start - self._end) / 1000
        if was_right and ahead > STEP / 2:
            reason = f"the clock was set forward by {ahead:.0f} s"
            outcome.changes.append((lose, (self._camera, self._end, start, reason)))

    def _tell(self, file: SegmentFile, outcome: Outcome) -> None:
        if self._clock() - self._told >= TELL:
            self._told = self._clock()
            outcome.changes.append((grow, (file.began.filename, file.duration, file.end)))

    def _finish(self, outcome: Outcome, end: End) -> None:
        file, self._file = self._file, None
        if file is not None:
            done = file.finish(end.reason)
            if done.size:
                outcome.changes.append((finish, (done,)))
                self._end = file.wall_end
        if end.gap:
            since = self._end or round(time.time() * 1000)
            outcome.changes.append((lose, (self._camera, since, None, end.gap)))

    def _give_up(self, outcome: Outcome) -> None:
        try:
            self._finish(outcome, End(str(outcome.trouble), str(outcome.trouble)))
        except OSError:  # the disk does not even take what is in memory: the next start repairs the file
            pass
