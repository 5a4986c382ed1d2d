"""Cutter: packets become fragments of a second, and fragments belong to segments. Pure.

A segment begins with a key frame and is one file. The next one begins when this one is long or large enough,
when the video becomes another one or begins or ceases to have sound, when the wall clock was set, or when
pictures are missing in between.
Within a segment time is the pictures' own, so that a clock that is set bends nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..media.fragments import InitSegments, Timeline
from ..media.frame import INTER, Packet
from ..media.sound_fragments import TRACK, SoundTimeline, sound_runs
from ..wire import fmp4, jpeg
from ..wire import track as tracks
from ..wire.fmp4 import Run
from ..wire.track import VIDEO_TIMESCALE, Track

#: A fragment lasts so long at most, unless its pictures are further apart (seconds).
FRAGMENT = 1.0
#: A fragment is written before that when it has so many bytes.
LARGEST_FRAGMENT = 8 * 1024 * 1024
#: The wall clock was set if it is so much off from where it would be (seconds).
STEP = 1.0
#: Pictures are missing if the next one comes later than this and than three times what was usual (seconds).
HOLE = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """What a file begins with. wall, pts: those of its first picture; codec as in Packet; init: the bytes;
    with_sound: it has a track of that, too."""

    track: Track
    codec: str
    kind: str
    wall: float
    pts: float
    init: bytes
    with_sound: bool = False

    @property
    def resolution(self) -> str:
        return f"{self.track.width}x{self.track.height}"


@dataclass(frozen=True, slots=True)
class Chunk:
    """A fragment to be written. times: decode times in ticks since the segment's start, one more than
    packets: when the last one is over. sound: of the same time."""

    segment: Segment
    packets: tuple[Packet, ...]
    times: tuple[int, ...]
    sound: tuple[Run, ...] = ()


class Cutter:
    """length, largest: of a segment, in seconds and bytes; may be changed at any time, as may `kind`, what
    the next segment is recorded for, and with_sound, whether it has a track of that."""

    def __init__(self, length: float, largest: int, kind: str = "continuous"):
        self.length = length
        self.largest = largest
        self.kind = kind
        self.with_sound = False
        self.segment: Segment | None = None
        self._inits = InitSegments()
        self._jpeg_size: tuple[int, int] | None = None
        self._timeline = Timeline()
        self._sounds = SoundTimeline()
        self._heard: list[Packet] = []
        self._packets: list[Packet] = []
        self._times: list[int] = []
        self._bytes = 0  # of the fragment
        self._size = 0  # of the segment
        self._usual = 0.0

    @property
    def seconds(self) -> float:
        """How long the segment is, as far as its newest fragment is open."""
        return self.last.pts - self.segment.pts if self.segment is not None and self.last is not None else 0.0

    @property
    def last(self) -> Packet | None:
        """The newest packet that was taken, as long as its fragment is open."""
        return self._packets[-1] if self._packets else None

    def is_hole(self, packet: Packet) -> bool:
        """Whether pictures are missing before this one."""
        return bool(self._packets) and packet.pts - self._packets[-1].pts > max(HOLE, 3 * self._usual)

    def add(self, packet: Packet) -> Chunk | None:
        """Take the next packet; returns the fragment that became complete by it. Those before a segment's
        first key frame are left out. Raises Invalid for a key frame that describes no video."""
        track = self._track(packet)
        time = self._timeline(packet.pts)
        cut = packet.keyframe and track is not None and self._is_over(packet, track)
        chunk = None
        if self._packets and (cut or self._is_full(time) or self._is_better_begun(packet)):
            chunk = self._finish(time)
        if cut:
            self._begin(packet, track)
            time = self._timeline(packet.pts)
        if self.segment is not None:
            if self._packets:
                self._usual = packet.pts - self._packets[-1].pts
            self._packets.append(packet)
            self._times.append(time)
            self._bytes += len(packet.data)
        return chunk

    def hear(self, packet: Packet) -> None:
        """Take the next packet of sound, in the order of time with those of pictures."""
        if self.segment is not None and self.segment.with_sound:
            self._heard.append(packet)
            self._bytes += len(packet.data)

    def end(self) -> Chunk | None:
        """What was not complete yet; the next packet begins a segment."""
        chunk = None
        if self._packets:
            usual = round((self._usual or 1 / 30) * VIDEO_TIMESCALE)
            chunk = self._finish(self._times[-1] + max(1, usual))
        self.segment = None
        self._heard, self._bytes = [], 0
        return chunk

    def _track(self, packet: Packet) -> Track | None:
        """The track that a segment would have that begins with this packet; None if none can."""
        if packet.codec in INTER:
            init = self._inits.of(packet)
            return init.track if init is not None else None
        size = jpeg.size(packet.data)
        if size == self._jpeg_size and self.segment is not None and self.segment.codec == packet.codec:
            return self.segment.track
        self._jpeg_size = size
        return tracks.mjpeg(*size)

    def _is_over(self, packet: Packet, track: Track) -> bool:
        segment = self.segment
        if segment is None or track != segment.track or self.kind != segment.kind:
            return True
        if self.with_sound != segment.with_sound:
            return True
        age = packet.pts - segment.pts
        was_set = abs(packet.wall - segment.wall - age) > STEP
        return was_set or age >= self.length or self._size + self._bytes >= self.largest

    def _is_full(self, time: int) -> bool:
        """Whether with this picture, too, the fragment would be too long."""
        start, last = self._times[0], self._times[-1]
        too_long = time - start + (time - last) > FRAGMENT * VIDEO_TIMESCALE * 1.01
        return too_long or self._bytes >= LARGEST_FRAGMENT

    def _is_better_begun(self, packet: Packet) -> bool:
        """Whether decoding can begin with this picture, but not with the fragment that it would be in: players
        go to where fragments begin. A camera's clock trembles, so a second is not always one of the cutter's."""
        return packet.keyframe and not self._packets[0].keyframe

    def _begin(self, packet: Packet, track: Track | None) -> None:
        assert track is not None
        init = fmp4.init_segment(track, *((TRACK,) if self.with_sound else ()), wall=packet.wall)
        self.segment = Segment(
            track, packet.codec, self.kind, packet.wall, packet.pts, init, self.with_sound
        )
        self._timeline, self._sounds = Timeline(), SoundTimeline()
        self._size = 0

    def _finish(self, end: int) -> Chunk:
        assert self.segment is not None
        heard = sound_runs(self._heard, self._sounds, self._timeline.origin)
        chunk = Chunk(self.segment, tuple(self._packets), (*self._times, end), tuple(heard))
        self._size += self._bytes
        self._packets, self._times, self._heard, self._bytes = [], [], [], 0
        return chunk
