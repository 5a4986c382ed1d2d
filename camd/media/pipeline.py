"""Pipeline: the streams of one camera, from what the source gives to what clients want.

    source ─┬─────────────────────────────────────────────► mjpeg, h264   what the camera gives, untouched
            ├─────────────────────────────────────────────► h264          pictures that nothing is done to
            └─► (decoded) ─► pictures ─► frames of a rendition ─► mjpeg, h264              otherwise

Pass-through comes first: pixels are made only if somebody wants them, an encoder runs only if its
bytes are not there already. `decoded` is there for video alone, whose decoder needs every packet; all
that is done to a picture is one job. A placeholder card is a JPEG Packet from the source stream, so it
takes the same way, and a JPEG camera's clients see it without any decoding or encoding.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred

from ..errors import Invalid
from .codecs import Codecs, Decoder, Processing
from .frame import INTER, Encoding, Format, Frame, Packet
from .packed import PACKED, PackedFrame
from .policy import Gop, History, Latest
from .rendition import RENDITIONS, Rendition, VideoSettings, fitted
from .stage import Stage
from .statistics import Statistics
from .stream import Stream
from .video import Coder, VideoEncoder, VideoStage

if TYPE_CHECKING:
    from ..threads import Threads

#: Sizes, rates and qualities of one camera that clients may ask for at the same time, and how many of them
#: may be encoded as video. The renditions as they are set can always be had.
MOST_STREAMS, MOST_VIDEOS = 32, 8
CODECS = ("source", "bgr", "mjpeg", "h264", "hevc")


class Pipeline:
    """Streams by Encoding. Reactor thread only.

    format: what the source delivers, None before it was first opened. quality: the JPEG quality
    (1..100) where neither encoding nor rendition names one. on_demand and on_idle: somebody, nobody
    watches.
    """

    def __init__(
        self,
        codecs: Codecs,
        threads: Threads,
        statistics: Statistics,
        on_demand: Callable[[], None],
        on_idle: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ):
        self.format: Format | None = None
        self.quality = 85
        self._codecs = codecs
        self._threads = threads
        self._statistics = statistics
        self._clock = clock
        self._processing = codecs.processing()
        self._decoder: Decoder | None = None
        self._renditions = {name: Rendition(name) for name in RENDITIONS}
        self.source = Stream(on_demand, on_idle)
        self._decoded = Stage(self.source, self._decode)
        self._decoded.policy, self._decoded.all_needed = Gop, True
        self.pictures = Stage(self.source, self._to_picture)
        self._streams: dict[Encoding, Stage] = {}

    def stream(self, encoding: Encoding) -> Stream:
        """The stream of that encoding; it costs nothing until somebody subscribes.

        Raises Invalid if there is no such encoding, or if clients ask for too many different ones."""
        if encoding.codec == "source":
            return self.source
        stage = self._streams.get(encoding)
        if encoding.is_own and encoding.codec in INTER and not (stage and stage.running):
            self._check_videos(encoding)
        if stage is None:
            self._check(encoding)
            self._make_room(encoding)
        return self._stage(encoding)

    def _stage(self, encoding: Encoding) -> Stage:
        """The one that makes it."""
        stage = self._streams.get(encoding)
        if stage is None:
            stage = self._streams[encoding] = self._make(encoding)
            self._route(encoding, stage)
        return stage

    def rendition(self, name: str) -> Rendition:
        """The rendition of that name; raises Invalid if there is none."""
        if name not in self._renditions:
            raise Invalid("rendition", f"{name!r} is none of {', '.join(RENDITIONS)}")
        return self._renditions[name]

    def video(self, rendition: str = "main") -> Encoding:
        """The coded video that costs least: the camera's own H.265 if it goes out untouched, else H.264."""
        hevc = Encoding("hevc", rendition=rendition)
        is_hevc = self.format is not None and self.format.codec == "hevc"
        return hevc if is_hevc and not self.why_encoding(hevc) else Encoding("h264", rendition=rendition)

    def newest(self, encoding: Encoding) -> Packet | Frame | None:
        """The newest picture of that encoding that is there already, however old; costs nothing."""
        stream = self.stream(encoding)
        if encoding.codec == "mjpeg" and isinstance(stream, Stage) and stream.upstream is self.source:
            stream = self.source  # what comes through there is what the stage would give
        last = stream.last
        return last if not isinstance(last, Packet) or last.codec == encoding.codec else None

    def closed(self) -> None:
        """The source was closed: its pictures are history."""
        self._decoder = None
        for stream in self.streams:
            stream.forget()

    def opened(self, format: Format) -> None:
        """The source was opened and delivers this from now on."""
        self.format = format
        inter = format.codec in INTER
        self.source.history = History() if inter else None
        self._decoder = self._codecs.decoder(format) if inter else None
        self._reroute()

    def process(self, **values: Any) -> None:
        """Do this to every picture from now on; pictures that show what is masked now are forgotten at once.
        The values are those of the Processing; raises Invalid, and then nothing changes."""
        before, self._processing = self._processing, self._codecs.processing(**values)
        if self._processing.masks != before.masks:
            for stream in self.streams:
                if stream is not self.source:  # of that every picture is processed yet
                    stream.recall()
        self._reroute()

    def recall(self) -> None:
        """What the source gave until now is not to be seen any more; for one that is made of other cameras."""
        for stream in self.streams:
            stream.recall()

    def render(self, rendition: Rendition) -> None:
        """Make the rendition of that name so from now on; its clients stay."""
        self._renditions[rendition.name] = rendition
        self._reroute()

    @property
    def picture_size(self) -> tuple[int, int] | None:
        """Width and height of the processed picture; None before the source was first opened."""
        if self.format is None:
            return None
        return self._processing.output_size(self.format.width, self.format.height)

    def size(self, encoding: Encoding) -> tuple[int, int] | None:
        """Width and height of the pictures of that encoding; None before the source was first opened."""
        size = self.picture_size
        return size and fitted(*size, encoding.size or self.rendition(encoding.rendition).size)

    def fps(self, encoding: Encoding) -> float:
        """The most pictures a second of that encoding, as far as one knows."""
        rates = (encoding.fps, self.rendition(encoding.rendition).fps, self.format and self.format.fps)
        return min((fps for fps in rates if fps), default=VideoSettings().fps)

    def video_settings(self, encoding: Encoding) -> VideoSettings:
        """What an encoder of that encoding works with."""
        settings = self.rendition(encoding.rendition).video
        matrix = "bt601" if self._is_packed(encoding) else settings.matrix
        bitrate = encoding.bitrate or settings.bitrate
        return replace(settings, fps=self.fps(encoding), bitrate=bitrate, matrix=matrix)

    def why_encoding(self, encoding: Encoding) -> str:
        """"" if the camera's own bytes go out untouched, else the reason why not."""
        rendition = self.rendition(encoding.rendition)
        given = self.format.codec if self.format is not None else encoding.codec
        if given != encoding.codec:
            return f"the camera gives {given}"
        if self._processing.reasons:
            return " and ".join(self._processing.reasons)
        if self.picture_size != self.size(encoding):
            width, height = self.size(encoding) or (0, 0)
            return f"a picture of {width}x{height} is wanted"
        if encoding.codec == "mjpeg":
            wanted = encoding.quality or rendition.quality
            return f"a quality of {wanted} is wanted" if wanted else ""
        if encoding.bitrate:
            return "another bitrate is wanted"
        slower = self.format is not None and self.fps(encoding) < self.format.fps - 0.5
        return f"only {self.fps(encoding):g} pictures a second are wanted" if slower else ""

    def outputs(self) -> dict[str, str]:
        """For each output, whether it is passed through, or why it is encoded."""
        if self.format is None and not self._processing.reasons:
            return {}  # nobody knows before the source was opened
        outputs = {}
        for name in RENDITIONS:
            video = self.video(name).codec
            for codec in ("mjpeg", video) if video in (*self._codecs.encoders, "hevc") else ("mjpeg",):
                why = self.why_encoding(Encoding(codec, rendition=name))
                outputs[codec if name == "main" else f"{name}/{codec}"] = (
                    f"encoding, because {why}" if why else "pass-through"
                )
        return outputs

    @property
    def streams(self) -> list[Stream]:
        made = (self.source, self._decoded, self.pictures, *self._streams.values())
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
        stages = [self._decoded, self.pictures, *self._streams.values()]
        return {
            "processing": sum(stage.skipped for stage in stages),
            "corrupt": sum(stage.failures for stage in stages),
            "client": sum(stream.drops for stream in self.streams),
        }

    # ---------------------------------------------------------------- making and routing

    def _check(self, encoding: Encoding) -> None:
        if encoding.codec not in CODECS:
            raise Invalid("codec", f"{encoding.codec!r} is none of {', '.join(CODECS)}")
        if encoding.quality is not None and not 1 <= encoding.quality <= 100:
            raise Invalid("quality", "Value must be between 1 and 100")
        if encoding.fps is not None and not 0.1 <= encoding.fps <= 1000:
            raise Invalid("fps", "Value must be between 0.1 and 1000")
        if encoding.size is not None and not all(16 <= side <= 16384 for side in encoding.size):
            raise Invalid("size", "Both sides must be between 16 and 16384")
        if encoding.bitrate is not None and not 16_000 <= encoding.bitrate <= 100_000_000:
            raise Invalid("bitrate", "Value must be between 16000 and 100000000")
        self.rendition(encoding.rendition)
        if self._is_none(encoding):
            why = self.why_encoding(encoding)
            raise Invalid("codec", f"there is no {encoding.codec} encoder here, and {why}; ask for mjpeg")

    def _is_none(self, encoding: Encoding) -> bool:
        """Whether it is video that would have to be encoded, and that nobody here encodes."""
        if encoding.codec not in INTER or encoding.codec in self._codecs.encoders:
            return False
        return bool(self.why_encoding(encoding))

    def _check_videos(self, encoding: Encoding) -> None:
        if not self.why_encoding(encoding):
            return
        own = [one for one, stage in self._streams.items() if one.codec in INTER and one.is_own and stage.running]
        if sum(bool(self.why_encoding(one)) for one in own) >= MOST_VIDEOS:
            raise Invalid("size", f"{MOST_VIDEOS} different videos of this camera are watched already")

    def _make_room(self, encoding: Encoding) -> None:
        if len(self._streams) < MOST_STREAMS:
            return
        self._streams = {
            encoding: stage
            for encoding, stage in self._streams.items()
            if any(stream.running for stream in stage.with_derived())
        }
        # Pictures in memory are asked for by what runs here, which no client may keep from its work.
        if len(self._streams) >= MOST_STREAMS and encoding.is_own and encoding.codec != "bgr":
            raise Invalid("size", f"{MOST_STREAMS} different pictures of this camera are watched already")

    def _make(self, encoding: Encoding) -> Stage:
        if encoding.codec == "bgr":
            return Stage(self.pictures, lambda item: self._to_size(item, encoding))
        if encoding.codec == "mjpeg":
            return Stage(self.source, lambda item: self._to_jpeg(item, encoding))
        coder = self._coder if encoding.codec in self._codecs.encoders else None
        return VideoStage(self.source, self._threads, coder, lambda: self.video_settings(encoding), self._clock)

    def _reroute(self) -> None:
        inter = self.format is not None and self.format.codec in INTER
        self.pictures.upstream = self._decoded if inter else self.source
        for encoding, stage in list(self._streams.items()):
            if self._is_none(encoding):
                del self._streams[encoding]
                stage.end()
            else:
                self._route(encoding, stage)

    def _route(self, encoding: Encoding, stage: Stage) -> None:
        limits = (encoding.fps, self.rendition(encoding.rendition).fps)
        untouched = encoding.codec != "bgr" and not self.why_encoding(encoding)
        video = untouched and encoding.codec in INTER
        stage.policy, stage.all_needed = (Gop if video else Latest), video
        stage.fps = min((fps for fps in limits if fps), default=None)
        if untouched or (encoding.codec in INTER and self._is_packed(encoding)):
            stage.upstream = self.source
        elif encoding.codec != "bgr":
            stage.upstream = self._stage(replace(encoding, codec="bgr", quality=None, bitrate=None))

    def _is_packed(self, encoding: Encoding) -> bool:
        """Whether its encoder gets the camera's pictures as they are: nothing is to be done to them."""
        if self.format is None or self.format.codec not in PACKED or self._processing.reasons:
            return False
        return self.size(encoding) == (self.format.width, self.format.height)

    # ---------------------------------------------------------------- the work

    def _decode(self, packet: Packet) -> Packet | Deferred[Frame | None] | None:
        if packet.codec not in INTER:  # a card
            return packet
        return None if self._decoder is None else self._threads.encode(self._decoder.decode, packet)

    def _to_picture(self, item: Frame | Packet) -> Frame | Deferred[Frame]:
        processing = self._processing
        if isinstance(item, Frame) and not processing.reasons:
            return item
        return self._threads.encode(self._picture, item, processing)

    def _picture(self, item: Frame | Packet, processing: Processing) -> Frame:
        if isinstance(item, Packet):
            card = item.card
            item = self._codecs.decode(item, self.format)
            if card:
                return replace(item, card=True)
        return processing.apply(item) if processing.reasons else item

    def _to_size(self, frame: Frame, encoding: Encoding) -> Frame | Deferred[Frame]:
        box = encoding.size or self.rendition(encoding.rendition).size
        if box is None:
            return frame
        height, width = frame.image.shape[:2]
        size = fitted(width, height, box)
        return frame if size == (width, height) else self._threads.encode(self._codecs.scale, frame, *size)

    def _to_jpeg(self, item: Frame | Packet, encoding: Encoding) -> Packet | Deferred[Packet]:
        if isinstance(item, Packet):
            return item
        quality = encoding.quality or self.rendition(encoding.rendition).quality or self.quality
        return self._threads.encode(self._timed, "mjpeg", self._codecs.encoders["mjpeg"](quality), item)

    def _coder(self) -> Coder:
        make = self._codecs.encoders["h264"]

        def timed(settings: VideoSettings) -> VideoEncoder:
            return _Timed(make(settings), self._timed)

        return Coder(timed, self._unpacked)

    def _unpacked(self, packet: Packet) -> PackedFrame:
        return PackedFrame(packet, self.format, self._codecs.decode)

    def _timed(self, codec: str, encode: Callable[..., Any], *args: Any) -> Any:
        started = time.perf_counter()
        packet = encode(*args)
        self._statistics.encode_times[codec].add(time.perf_counter() - started)
        return packet


class _Timed:
    """A VideoEncoder whose jobs are counted and timed."""

    def __init__(self, encoder: VideoEncoder, timed: Callable[..., Any]):
        self._encoder = encoder
        self._timed = timed
        self.close = encoder.close

    def encode(self, frame: Frame | PackedFrame, keyframe: bool) -> Packet | None:
        return self._timed("h264", self._encoder.encode, frame, keyframe)
