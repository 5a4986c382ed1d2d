"""Fragments: coded video as fragmented MP4, each picture a fragment, made once for all who watch.

    stage = camera.stream(Encoding("h264")).derive(Fragmenter())
    stage.subscribe(deliver, Gop(), kind="mse")
"""

from __future__ import annotations

from dataclasses import dataclass

from ..wire import fmp4, nal
from ..wire import track as tracks
from ..wire.fmp4 import Run, Sample
from ..wire.track import VIDEO_TIMESCALE, Track
from .frame import INTER, Packet

#: How far the picture behind a clock that was set back is put after the one before it (ticks).
_STEP = VIDEO_TIMESCALE // 30


@dataclass(frozen=True, slots=True, eq=False)
class InitSegment:
    """What must come before the first fragment of a track, and again before the first of another one.

    type: for MediaSource, 'video/mp4; codecs="avc1.42C01F"'. parameter_sets: what the track was made from.
    """

    data: bytes
    type: str
    track: Track
    parameter_sets: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Fragment:
    """One picture, or one packet of sound. init: the segment that has to come before it, the same object as
    long as it is the same; times as in Packet."""

    data: bytes
    init: InitSegment
    pts: float
    wall: float
    grabbed: float
    keyframe: bool
    card: bool = False

    @property
    def is_sound(self) -> bool:
        return not self.init.track.is_video


class Timeline:
    """Decode times in ticks since the first picture. They always grow, whatever a camera that was opened
    again does to its clock: what would go back is put right after the one before.

    origin: the pts of time 0, seconds; None before the first picture.
    """

    __slots__ = ("_last", "origin")

    def __init__(self) -> None:
        self.origin: float | None = None
        self._last = -1

    def __call__(self, pts: float) -> int:
        """The time of the next picture. pts: seconds."""
        if self.origin is None:
            self.origin = pts
        time = round((pts - self.origin) * VIDEO_TIMESCALE)
        if time <= self._last:
            time = self._last + _STEP
            self.origin = pts - time / VIDEO_TIMESCALE
        self._last = time
        return time


class InitSegments:
    """The init segment of a video whose parameter sets may change at any key frame. beside: more tracks that
    it has, such as one of sound."""

    __slots__ = ("_beside", "current")

    def __init__(self, *beside: Track) -> None:
        self.current: InitSegment | None = None
        self._beside = beside

    def of(self, packet: Packet) -> InitSegment | None:
        """The segment for this packet; None as long as no key frame has told what it is, and for pictures that
        are not coded video. Raises Invalid for a key frame with broken parameter sets."""
        if packet.codec not in INTER:
            return None
        if packet.keyframe:
            sets = nal.parameter_sets(packet.data, packet.codec)
            if self.current is None or sets != self.current.parameter_sets:
                self.current = None  # what cannot be described is not shown either
                track = tracks.video(packet.codec, packet.data)
                data = fmp4.init_segment(track, *self._beside, wall=packet.wall)
                self.current = InitSegment(data, fmp4.content_type(track, *self._beside), track, sets)
        return self.current


class Fragmenter:
    """Makes a Fragment of each Packet, the work of a Stage. All with the same in_band are equal, so that
    `Stream.derive` makes one Stage for whoever comes with one of them. Reactor thread only, about 15 us.

    in_band: key frames carry their parameter sets as well, for readers that cannot be given another init
    segment in mid-stream, such as players of one long file. beside: more tracks of the init segment, whose
    fragments come from elsewhere. timeline: that of the pictures.
    """

    def __init__(self, in_band: bool = False, beside: tuple[Track, ...] = ()):
        self.in_band = in_band
        self.beside = beside
        self.timeline = Timeline()
        self._inits = InitSegments(*beside)
        self._sequence = 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fragmenter) and (other.in_band, other.beside) == (self.in_band, self.beside)

    def __hash__(self) -> int:
        return hash((Fragmenter, self.in_band, self.beside))

    def __call__(self, packet: Packet) -> Fragment | None:
        init = self._inits.of(packet)
        if init is None:
            return None
        sets = init.parameter_sets if self.in_band and packet.keyframe else ()
        pieces = [*nal.prefixed(sets), *nal.sample(nal.split(packet.data), packet.codec)]
        self._sequence += 1
        # How long it is shown nobody knows yet.
        sample = Sample(pieces, init.track.ticks(fmp4.HOLD), packet.keyframe)
        run = Run(init.track, self.timeline(packet.pts), (sample,))
        data = fmp4.fragment(self._sequence, run, wall=packet.wall)
        return Fragment(data, init, packet.pts, packet.wall, packet.grabbed, packet.keyframe, packet.card)
