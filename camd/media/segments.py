"""Segments: the last seconds of a coded video, cut into pieces that can be fetched one by one.

A segment begins with a key frame. It grows by parts, each a fragment of several pictures, so that who plays
close to the moment need not wait for the whole of it. Memory is bounded: old segments go, and one without an
end is given up.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

from ..errors import Invalid
from ..wire import fmp4, nal
from ..wire.fmp4 import Run, Sample
from ..wire.track import VIDEO_TIMESCALE
from .fragments import InitSegment, InitSegments, Timeline
from .frame import Packet
from .sound_fragments import TRACK, SoundTimeline, sound_runs

#: A segment lasts so long at least, a part at most (seconds).
SEGMENT, PART = 1.0, 0.5
#: Segments that are kept. A player begins about three before the end, and may still load the one before that.
KEPT = 6
#: A segment that grows beyond this is given up: there is no key frame (bytes).
MOST_BYTES = 16 * 1024 * 1024
#: Packets of sound that wait for the next picture: half a minute. Beyond that the oldest is left out.
MOST_HEARD = 1400


@dataclass(frozen=True, slots=True)
class Part:
    """duration: seconds; keyframe: a player may begin here."""

    data: bytes
    duration: float
    keyframe: bool


@dataclass(slots=True)
class Segment:
    """number: grows by one; init_number: that of the first segment with this init. wall: when its first picture
    was taken, UTC seconds. discontinuity: what came before does not go on in it."""

    number: int
    init: InitSegment
    init_number: int
    wall: float
    discontinuity: bool
    parts: list[Part] = field(default_factory=list)

    @property
    def duration(self) -> float:
        return sum(part.duration for part in self.parts)

    @property
    def size(self) -> int:
        return sum(len(part.data) for part in self.parts)

    @property
    def data(self) -> bytes:
        return b"".join((fmp4.SEGMENT_TYPE, *(part.data for part in self.parts)))


class Segments:
    """Cuts Packets. Reactor thread only; a part costs about 10 us and a copy of its pictures.

    first: the number of the first segment; with_sound: they have a track of it beside that of the pictures, or have
    none, from the next key frame on.
    complete: the newest whole ones; current: the one that grows.
    discontinuities: how many have gone with old segments. longest, longest_part: seconds, since the start.
    """

    def __init__(self, first: int = 0, with_sound: bool = False):
        self.complete: deque[Segment] = deque()
        self.current: Segment | None = None
        self.discontinuities = 0
        self.longest = SEGMENT
        self.longest_part = PART
        self._next = first
        self.with_sound = with_sound
        self._has_sound = False
        self._inits = InitSegments()
        self._timeline = Timeline()
        self._sounds = SoundTimeline()
        self._sequence = 0
        self._pictures: list[tuple[Packet, int]] = []  # of the part under way, with their times
        self._heard: deque[Packet] = deque(maxlen=MOST_HEARD)  # since the part before
        self._begun_at = 0  # the current segment, in ticks
        self._broken = False

    @property
    def age(self) -> float:
        """How long the current segment has been growing, up to its newest picture (seconds)."""
        return (self._pictures[-1][1] - self._begun_at) / VIDEO_TIMESCALE if self._pictures else 0.0

    @property
    def shown(self) -> tuple[Segment, ...]:
        """All there are, the oldest first."""
        return (*self.complete, *(() if self.current is None else (self.current,)))

    def add(self, packet: Packet) -> bool:
        """Take the next packet; returns whether a part became complete by it."""
        if packet.keyframe and self.with_sound != self._has_sound:
            self._has_sound = self.with_sound
            self._inits = InitSegments(*((TRACK,) if self._has_sound else ()))
        try:
            init = self._inits.of(packet)
        except Invalid:
            init = None
        if init is None:
            return False
        time = self._timeline(packet.pts)
        cut = packet.keyframe and self._is_over(init, time)
        finished = bool(self._pictures) and (cut or self._is_full(time))
        if finished:
            self._finish_part(time)
        if cut:
            self._begin(init, packet, time)
        if self.current is None:
            return False
        self._pictures.append((packet, time))
        return finished

    def hear(self, packet: Packet) -> None:
        """Take the next packet of sound: it rides along with the part that is complete next."""
        if self._pictures and self._has_sound:
            self._heard.append(packet)

    def forget(self) -> None:
        """Nobody is to see what there is; go on with the next key frame."""
        self.discontinuities += sum(segment.discontinuity for segment in self.shown)
        self.complete.clear()
        self._pictures.clear()
        self._heard.clear()
        self.current, self._broken = None, True

    def find(self, number: int) -> Segment | None:
        """The segment of that number, if it is there."""
        return next((segment for segment in self.shown if segment.number == number), None)

    def find_init(self, number: int) -> InitSegment | None:
        """What has to come before the segment of that number, and before all that name it."""
        return next((segment.init for segment in self.shown if segment.init_number == number), None)

    def _is_over(self, init: InitSegment, time: int) -> bool:
        current = self.current
        if current is None or init is not current.init:
            return True
        return time - self._begun_at >= SEGMENT * VIDEO_TIMESCALE

    def _is_full(self, time: int) -> bool:
        """Whether with this picture, too, the part would be too long."""
        start, last = self._pictures[0][1], self._pictures[-1][1]
        return time - start + (time - last) > PART * VIDEO_TIMESCALE * 1.01

    def _finish_part(self, end: int) -> None:
        segment = self.current
        assert segment is not None
        times = [time for _, time in self._pictures]
        samples = [
            Sample(nal.sample(nal.split(packet.data), packet.codec), after - time, packet.keyframe)
            for (packet, time), after in zip(self._pictures, (*times[1:], end), strict=True)
        ]
        self._sequence += 1
        first = self._pictures[0][0]
        run = Run(segment.init.track, times[0], samples)
        heard = sound_runs(self._heard, self._sounds, self._timeline.origin)
        data = fmp4.fragment(self._sequence, run, *heard, wall=first.wall)
        part = Part(data, (end - times[0]) / VIDEO_TIMESCALE, first.keyframe)
        segment.parts.append(part)
        self.longest_part = max(self.longest_part, part.duration)
        self._pictures.clear()
        self._heard.clear()
        if segment.size > MOST_BYTES:
            self.current, self._broken = None, True

    def _begin(self, init: InitSegment, packet: Packet, time: int) -> None:
        ended = self.current
        if ended is not None:
            self.complete.append(ended)
            self.longest = max(self.longest, ended.duration)
            if len(self.complete) > KEPT:
                self.discontinuities += self.complete.popleft().discontinuity
        before = ended or (self.complete[-1] if self.complete else None)
        goes_on = before is not None and before.init is init
        init_number = before.init_number if goes_on else self._next
        discontinuity = self._broken or before is not None and not goes_on
        self.current = Segment(self._next, init, init_number, packet.wall, discontinuity)
        self._next += 1
        self._begun_at, self._broken = time, False


def whole_seconds(duration: float) -> int:
    """The target duration for segments of up to this many seconds."""
    return max(2, math.ceil(duration - 0.001))
