"""Playback: a range of time out of several files as one MP4, without encoding anything.

It begins with the last key frame before the range; an edit list tells players to show it, and its sound, from
the very picture on. Pictures keep their distances; between two files that do not follow each other at once time
passes as it did, and the last picture stands. So it does where something is damaged: that is left out, up to the
next key frame, or to the next file if one cannot tell where it ends. All of this blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import Conflict, Gone, Invalid
from ..media.sound import RATE
from ..media.sound_fragments import SoundTimeline
from ..wire import fmp4
from ..wire.fmp4 import Run, Sample
from ..wire.in_band import in_band
from ..wire.samples import StoredSample
from ..wire.track import Track
from .entries import Record
from .video import Video

#: Files of one recording follow each other without a step of time if it is smaller than this (seconds).
JOINT = 0.5


@dataclass(slots=True)
class _Part:
    """A file that has something of the range. begin, end: the range in ticks of the file; sound: the track of
    it; entry: the number of its sample entry in what is made; before: what its key frames have before them
    there."""

    path: Path
    record: Record
    track: Track
    begin: int
    end: int
    sound: Track | None = None
    entry: int = 1
    before: bytes = b""


class Playback:
    """The bytes of one MP4, by `read`. start, end: Unix milliseconds; damaged(record, reason) hears of each file
    that has something that is left out. Raises Gone if no picture is in the range, Conflict if the video changed
    its codec within.

    Where it became another one of the same codec, of another size for example, there is a sample entry for
    each, and key frames bring their parameter sets, for not every player looks at more than the first entry.
    """

    content_type = "video/mp4"

    def __init__(
        self,
        files: Sequence[tuple[Path, Record]],
        start: int,
        end: int,
        damaged: Callable[[Record, str], None] = lambda record, reason: None,
    ):
        self._damaged = damaged
        parts = [self._open(path, record, start, end) for path, record in files]
        self._parts = [part for part in parts if part is not None]
        self._sequence = 0
        if not self._parts:
            raise Gone("The files of this time are not there")
        self._track = _common(self._parts)
        self._sound = next((part.sound for part in self._parts if part.sound), None)
        self._sounds = SoundTimeline()
        self._zero = self._parts[0].record.start
        self._begun = False
        self._origin = 0  # where ticks of the first file begin
        self._before = 0  # the end of what was given, in ticks of the whole
        self._bytes = self._made()
        self._left = memoryview(next(self._bytes))

    def read(self, size: int) -> bytes:
        """About so many bytes more; b"" at the end."""
        pieces: list[bytes | memoryview] = []
        have = 0
        while have < size:
            if not self._left:
                following = next(self._bytes, b"")
                if not following:
                    break
                self._left = memoryview(following)
            taken, self._left = self._left[: size - have], self._left[size - have :]
            pieces.append(taken)
            have += len(taken)
        return b"".join(pieces)

    def close(self) -> None:
        """Let the files go."""
        self._bytes.close()  # type: ignore[attr-defined]

    def _open(self, path: Path, record: Record, start: int, end: int) -> _Part | None:
        try:
            with path.open("rb") as file:
                video = Video(file)
        except FileNotFoundError:  # it was deleted meanwhile
            return None
        except (OSError, Invalid) as error:
            self._damaged(record, str(error))
            return None
        ticks = video.track.timescale / 1000
        begin, end = (round((moment - record.start) * ticks) for moment in (start, end))
        return _Part(path, record, video.track, begin, end, video.sound)

    def _made(self) -> Iterator[bytes]:
        for part in self._parts:
            try:
                with part.path.open("rb") as file:
                    yield from self._of(Video(file), part)
            except FileNotFoundError:  # it was deleted meanwhile
                continue
            except (OSError, Invalid) as error:
                self._damaged(part.record, str(error))
        if not self._begun:
            raise Gone("There is no picture in this time that can be read")

    def _of(self, video: Video, part: _Part) -> Iterator[bytes]:
        """What a file has of the range."""
        shift = self._shift(part) if self._begun else 0
        is_behind = False  # something damaged
        for number in range(_first(video, part), len(video.places)):
            try:
                found = _wanted(video, part, number)
                if found is None:
                    return
                if is_behind:
                    found = _from_key(found)
                if not found:
                    continue
                made = self._fragment(video, part, number, found, shift if self._begun else -found[0].time)
            except (OSError, Invalid) as error:
                self._damaged(part.record, str(error))
                self._sounds = self._sounds if self._begun else SoundTimeline()
                is_behind = True
                continue
            if not self._begun:
                shift = -found[0].time
                yield self._begin(part, found[0].time)
            is_behind = False
            self._before = found[-1].time + found[-1].duration + shift
            yield made
        whole = video.places[-1][1].end if video.places else video.head
        if whole < part.record.size:
            self._damaged(part.record, f"the rest from byte {whole} of {part.record.size} on is no video")

    def _begin(self, part: _Part, origin: int) -> bytes:
        self._begun, self._origin, self._zero = True, origin, part.record.start
        hidden = (part.begin - origin) / self._track.timescale
        tracks = (self._track, self._sound) if self._sound else (self._track,)
        return fmp4.init_segment(*tracks, wall=part.record.start / 1000, hidden=hidden)

    def _shift(self, part: _Part) -> int:
        """What is added to the ticks of a file to have those of the whole."""
        scale, before = part.track.timescale, self._before
        place = round((part.record.start - self._zero) * scale / 1000) - self._origin
        return before if abs(place - before) < JOINT * scale or place < before else place

    def _heard(self, video: Video, part: _Part, number: int, shift: int) -> list[Run]:
        """The sound of a fragment, on the time line of the whole."""
        if video.sound is None or video.sound.timescale != RATE:
            return []
        scale = part.track.timescale
        runs: list[tuple[int, list[Sample]]] = []
        end = 0
        for sample in video.sounds(number):
            if sample.time / RATE >= part.end / scale:
                break
            time = self._sounds(sample.time / RATE, -shift / scale)
            if time is None:
                continue
            if not runs or time != end:
                runs.append((time, []))
            runs[-1][1].append(Sample((video.read(sample),), sample.duration))
            end = time + sample.duration
        return [Run(video.sound, time, samples) for time, samples in runs]

    def _fragment(
        self, video: Video, part: _Part, number: int, found: list[StoredSample], shift: int
    ) -> bytes:
        made = []
        for sample in found:
            data = video.read(sample)
            pieces = (part.before, data) if sample.keyframe and part.before else (data,)
            made.append(Sample(pieces, sample.duration, sample.keyframe, sample.shift))
        run = Run(self._track, found[0].time + shift, made, part.entry)
        heard = self._heard(video, part, number, shift)
        self._sequence += 1
        return fmp4.fragment(self._sequence, run, *heard)


def _common(parts: Sequence[_Part]) -> Track:
    """The track that describes all of them. Raises Conflict."""
    first = parts[0].track
    entries = {first.entry: 1}
    for part in parts:
        track = part.track
        if track.entry[4:8] != first.entry[4:8] or track.timescale != first.timescale:
            raise Conflict(
                f"the video became one of another codec at {part.record.start} (Unix milliseconds): "
                "ask for one part of it"
            )
        part.entry = entries.setdefault(track.entry, len(entries) + 1)
    if len(entries) == 1:
        return first
    made = {entry: in_band(entry) for entry in entries}
    for part in parts:
        part.before = made[part.track.entry][1]
    entry, *further = (entry for entry, _ in made.values())
    return replace(first, entry=entry, further=tuple(further))


def _first(video: Video, part: _Part) -> int:
    """The fragment to begin with: that of the last key frame before the range, as far as one can tell."""
    try:
        return video.before(part.begin)
    except Invalid:
        pass
    found = 0
    for number in range(len(video.places)):  # some of them are damaged
        try:
            pictures = video.pictures(number)
        except Invalid:
            continue
        if any(one.keyframe and one.time <= part.begin for one in pictures):
            found = number
    return found


def _wanted(video: Video, part: _Part, number: int) -> list[StoredSample] | None:
    """The pictures of the range in a fragment, from the last key frame before it on; None behind the range.
    Raises Invalid."""
    found = video.some(number)
    if found[0].time >= part.end:
        return None
    keys = [at for at, sample in enumerate(found) if sample.keyframe and sample.time <= part.begin]
    if keys:
        found = found[keys[-1] :]
    return [sample for sample in found if sample.time < part.end]


def _from_key(found: list[StoredSample]) -> list[StoredSample]:
    """Those from the first key frame on."""
    return found[next((at for at, sample in enumerate(found) if sample.keyframe), len(found)) :]
