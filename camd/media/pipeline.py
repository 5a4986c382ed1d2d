"""Pipeline: the streams of one camera, from what the source gives to what clients want.

    source ──────────────────────────────► mjpeg      the source gives JPEG and nothing touches it
    source ──► frames (decode, adjust) ──► mjpeg      otherwise

Pass-through comes first: frames run only if somebody wants pixels, an encoder only if its bytes are
not there already. A placeholder card is a JPEG Packet from the source stream, so it takes the same
way, and a JPEG camera's clients see it without any decoding or encoding.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.defer import Deferred

from ..errors import Invalid
from .frame import Encoding, Format, Frame, Packet
from .statistics import Statistics
from .stream import Stage, Stream

if TYPE_CHECKING:
    from ..threads import Threads


class Adjusting(Protocol):
    """Picture adjustments that a source cannot make itself."""

    neutral: bool

    def apply(self, frame: Frame) -> Frame: ...


@dataclass(frozen=True, slots=True)
class Codecs:
    """The functions a pipeline works with; they block, and run in the encode pool.

    encoders: codec -> function(quality) -> function(Frame) -> Packet; decode(packet, format);
    adjustment(brightness=..., ...) -> Adjusting; card(camera, reason, when, width, height).
    """

    encoders: Mapping[str, Callable[[int], Callable[[Frame], Packet]]]
    decode: Callable[[Packet, Format], Frame]
    adjustment: Callable[..., Adjusting]
    card: Callable[[str, str, float, int, int], Packet]


class Pipeline:
    """Streams by Encoding. Reactor thread only.

    format: what the source delivers, None before it was first opened. quality: the JPEG quality
    (1..100) of encodings that do not name one. on_demand and on_idle: somebody, nobody watches.
    """

    def __init__(
        self,
        codecs: Codecs,
        threads: Threads,
        statistics: Statistics,
        on_demand: Callable[[], None],
        on_idle: Callable[[], None],
    ):
        self.format: Format | None = None
        self.quality = 85
        self._codecs = codecs
        self._threads = threads
        self._statistics = statistics
        self._adjustment = codecs.adjustment()
        self.source = Stream(on_demand, on_idle)
        self.frames = Stage(self.source, self._to_frame)
        self._jpeg: dict[int | None, Stage] = {}

    def stream(self, encoding: Encoding) -> Stream:
        """The stream of that encoding; it costs nothing until somebody subscribes."""
        if encoding.codec == "source":
            return self.source
        if encoding.codec == "bgr":
            return self.frames
        if encoding.codec != "mjpeg":
            raise Invalid("codec", f"{encoding.codec!r} is none of source, bgr, mjpeg")
        quality = encoding.quality
        if quality is not None and not 1 <= quality <= 100:
            raise Invalid("quality", "Value must be between 1 and 100")
        if quality not in self._jpeg:
            self._jpeg[quality] = Stage(self.source, lambda item: self._to_jpeg(item, quality))
            self._route()
        return self._jpeg[quality]

    def newest(self, encoding: Encoding) -> Packet | Frame | None:
        """The newest picture of that encoding that is there already, however old; costs nothing."""
        stream = self.stream(encoding)
        if isinstance(stream, Stage) and encoding.codec == "mjpeg" and stream.upstream is self.source:
            stream = self.source  # what comes through there is what the stage would give
        last = stream.last
        return last if not isinstance(last, Packet) or last.codec == "mjpeg" else None

    def closed(self) -> None:
        """The source was closed: its pictures are history."""
        for stream in self.streams:
            stream.last = None

    def opened(self, format: Format) -> None:
        """The source was opened and delivers this from now on."""
        self.format = format
        self._route()

    def adjust(self, **values: int) -> None:
        """Take these picture adjustments (0..100, 50 is neutral)."""
        self._adjustment = self._codecs.adjustment(**values)
        self._route()

    @property
    def why_encoding(self) -> str:
        """"" if the camera's own JPEG goes out untouched, else the reason why not."""
        if self.format is not None and self.format.codec != "mjpeg":
            return f"the camera gives {self.format.codec}"
        return "" if self._adjustment.neutral else "the picture is adjusted"

    def outputs(self) -> dict[str, str]:
        """For each output, whether it is passed through, or why it is encoded."""
        why = self.why_encoding
        if self.format is None and not why:
            return {}  # nobody knows before the source was opened
        return {"mjpeg": f"encoding, because {why}" if why else "pass-through"}

    @property
    def streams(self) -> list[Stream]:
        made = (self.source, self.frames, *self._jpeg.values())
        return [stream for each in made for stream in each.with_derived()]

    def clients(self) -> dict[str, int]:
        """Consumers by kind, those within the pipeline not counted."""
        counts: dict[str, int] = {}
        for stream in self.streams:
            for subscription in stream.subscriptions:
                if subscription.kind:
                    counts[subscription.kind] = counts.get(subscription.kind, 0) + 1
        return counts

    def drops(self) -> dict[str, int]:
        """Pictures not delivered, by stage: processing had no time, failed, a client was slow."""
        stages = [self.frames, *self._jpeg.values()]
        return {
            "processing": sum(stage.skipped for stage in stages),
            "corrupt": sum(stage.failures for stage in stages),
            "client": sum(stream.drops for stream in self.streams),
        }

    def _route(self) -> None:
        untouched = not self.why_encoding
        for quality, stage in self._jpeg.items():
            stage.upstream = self.source if untouched and quality is None else self.frames

    def _to_frame(self, item: Frame | Packet) -> Frame | Deferred[Frame]:
        adjustment = self._adjustment
        if isinstance(item, Frame) and adjustment.neutral:
            return item
        return self._threads.encode(self._picture, item, adjustment)

    def _picture(self, item: Frame | Packet, adjustment: Adjusting) -> Frame:
        if isinstance(item, Packet):
            card = item.card
            item = self._codecs.decode(item, self.format)
            if card:
                return item
        return adjustment.apply(item)

    def _to_jpeg(self, item: Frame | Packet, quality: int | None) -> Packet | Deferred[Packet]:
        if isinstance(item, Packet):
            return item
        encode = self._codecs.encoders["mjpeg"](quality or self.quality)
        return self._threads.encode(self._timed, encode, item)

    def _timed(self, encode: Callable[[Frame], Any], frame: Frame) -> Any:
        started = time.perf_counter()
        packet = encode(frame)
        self._statistics.encode_times.add(time.perf_counter() - started)
        return packet
