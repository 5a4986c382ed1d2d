"""Sound as fragmented MP4: alone, or beside the pictures of a camera on the same time line.

    sound = camera.stream(Encoding("aac"))
    sound.derive(SoundFragmenter())                                                # alone
    camera.stream(Encoding("h264")).derive(SoundedFragmenter(sound), SoundedStage)  # beside pictures

A packet of sound is a fragment of its own. So pictures wait for nothing, and neither does the sound.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..wire import fmp4
from ..wire import track as tracks
from ..wire.fmp4 import Run, Sample
from ..wire.track import Track
from . import sound
from .fragments import Fragment, Fragmenter, InitSegment, Timeline
from .frame import Packet
from .policy import GOP_LIMIT, Gop, History
from .sound import RATE
from .stage import Stage
from .stream import Stream, Subscription

#: Samples in a packet.
SAMPLES = sound.SAMPLES["aac"]
#: The track of sound beside one of pictures, which is number 1.
TRACK: Track = tracks.aac(sound.AAC_CONFIGURATION, RATE, sound.CHANNELS, number=2)
#: What comes before sound that is alone.
INIT = InitSegment(fmp4.init_segment(TRACK), fmp4.content_type(TRACK), TRACK, ())
#: What a consumer of pictures with sound may be behind, in fragments: as long as without.
LIMIT = GOP_LIMIT + GOP_LIMIT * RATE // (30 * SAMPLES)
#: Packets follow each other without a gap if they do so within this (samples): what is rounded is not heard.
_ROUNDED = 2


class SoundTimeline:
    """Decode times of packets of AAC, in samples since the first picture. They never overlap: what would,
    after the sound's clock was set back, is left out."""

    __slots__ = ("_end",)

    def __init__(self) -> None:
        self._end = 0

    def __call__(self, pts: float, origin: float) -> int | None:
        """The time of the next packet; None for one that is left out, as is what came before the first
        picture. pts, origin: seconds; origin: that of the pictures."""
        time = round((pts - origin) * RATE)
        if abs(time - self._end) <= _ROUNDED:
            time = self._end
        if time < self._end:
            return None
        self._end = time + SAMPLES
        return time


def sound_runs(packets: Iterable[Packet], timeline: SoundTimeline, origin: float | None) -> list[Run]:
    """Packets of AAC for a fragment: no run or one, and more only where something is missing in between. Pure
    but for the timeline. origin: pts of time 0, seconds; None if there is none yet."""
    runs: list[tuple[int, list[Sample]]] = []
    for packet in packets if origin is not None else ():
        time = timeline(packet.pts, origin)
        if time is None:
            continue
        if not runs or time != runs[-1][0] + len(runs[-1][1]) * SAMPLES:
            runs.append((time, []))
        runs[-1][1].append(Sample((packet.data,), SAMPLES))
    return [Run(TRACK, time, samples) for time, samples in runs]


class SoundFragmenter:
    """Makes a Fragment of each Packet of AAC, the work of a Stage. Reactor thread only.

    Alone (without a timeline) all are equal, and time 0 is the first packet.
    """

    def __init__(self, timeline: Timeline | None = None):
        self._pictures = timeline
        self._origin: float | None = None
        self._timeline = SoundTimeline()
        self._sequence = 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SoundFragmenter) and other._pictures is self._pictures

    def __hash__(self) -> int:
        return hash((SoundFragmenter, id(self._pictures)))

    def __call__(self, packet: Packet) -> Fragment | None:
        if self._pictures is not None:
            self._origin = self._pictures.origin
        elif self._origin is None:
            self._origin = packet.pts
        time = None if self._origin is None else self._timeline(packet.pts, self._origin)
        if time is None:
            return None
        self._sequence += 1
        run = Run(TRACK, time, (Sample((packet.data,), SAMPLES),))
        data = fmp4.fragment(self._sequence, run, wall=packet.wall)
        # Beside pictures nothing begins with it; alone everything does.
        return Fragment(data, INIT, packet.pts, packet.wall, packet.grabbed, self._pictures is None)


class SoundedFragmenter(Fragmenter):
    """As Fragmenter, in band, with a track of sound in the init segment: the work of a SoundedStage. source:
    the packets of AAC."""

    def __init__(self, source: Stream):
        super().__init__(in_band=True, beside=(TRACK,))
        self.source = source

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SoundedFragmenter) and other.source is self.source

    def __hash__(self) -> int:
        return hash((SoundedFragmenter, self.source))


class SoundedStage(Stage):
    """Publishes the Fragments of pictures, and between them those of the sound.

    It ends with the sound: the init segment has promised two tracks, no fragment can take one of them back, and
    a player would wait for it. While nobody watches nothing is kept of it, for the sound may be another one then.
    """

    def __init__(self, upstream: Stream, work: SoundedFragmenter):
        super().__init__(upstream, work)
        self.history = _Pictures()
        self._sound = work.source
        self._to_fragment = SoundFragmenter(work.timeline)
        self._heard: Subscription | None = None

    def _start(self) -> None:
        super()._start()
        if self._heard is None:
            self._heard = self._sound.subscribe(self._hear, Gop(), kind="", on_end=self.end)

    def _stop(self) -> None:
        super()._stop()
        heard, self._heard = self._heard, None
        if heard is not None:
            heard.close()
        self.upstream.discard(self._work)

    def _hear(self, packet: Packet) -> None:
        fragment = self._to_fragment(packet)
        if fragment is not None:
            newest = self.last
            self.publish(fragment)
            self.last = newest  # the newest picture


class _Pictures(History):
    """Who comes late needs no sound of the past."""

    __slots__ = ()

    def add(self, item: Any) -> None:
        if not item.is_sound:
            super().add(item)
