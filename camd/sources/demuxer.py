"""Demuxer: a container or a session that FFmpeg knows, and the pictures in it, one after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

from ..errors import SourceError
from ..media.frame import INTER
from ..wire import jpeg
from .bytestream import ByteStream
from .unit import Unit

#: For streams that do not tell their rate (1/s).
_USUAL_RATE = 25.0
#: Letters that FFmpeg draws: with them any text file of the machine could be watched.
_LETTERS = frozenset({"ansi", "bintext", "xbin", "idf"})
#: What the decoders of browsers take: 8 bits, 4:2:0.
_COMMON = frozenset({"yuv420p", "yuvj420p"})


class Demuxer:
    """One pass through a container. One thread at a time; a context manager.

    url, options: for FFmpeg. timeouts: seconds for opening and for each read, None to wait for ever; FFmpeg
    cannot go on after a read that was cut off, so then the pass is over. fail(error, started) makes a
    SourceError for people of one of PyAV's, or of what is to be said; started: it happened while reading.
    codec: FFmpeg's name; width, height: 0 where the container does not say; fps: pictures a second.
    damaged: pictures lost, as far as they were found to be.
    """

    def __init__(
        self,
        url: str,
        options: Mapping[str, str],
        fail: Callable[..., SourceError],
        timeouts: tuple[float, float] | None = None,
    ):
        import av

        self.damaged = 0
        self._fail = fail
        self._errors = (av.FFmpegError, OSError)
        self._patience = timeouts[1] if timeouts else None
        begun = time.monotonic()
        try:
            self._container = av.open(url, options=dict(options), timeout=timeouts)
        except (*self._errors, ValueError) as error:
            late = timeouts is not None and time.monotonic() - begun >= timeouts[0]
            raise fail(TimeoutError() if late else error) from None  # FFmpeg may call a time-out anything
        self._stream = stream = next(iter(self._container.streams.video), None)
        if stream is None or stream.codec_context.name in _LETTERS:
            self._container.close()
            raise fail("holds no moving pictures")
        for other in self._container.streams:
            if other is not stream:
                other.discard = "all"
        context = stream.codec_context
        self.codec = context.name
        self.width, self.height = context.width, context.height
        rate = float(stream.average_rate or stream.guessed_rate or 0)
        self.fps = rate if 0 < rate <= 240 else _USUAL_RATE

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        self._container.close()

    @property
    def passable(self) -> bool:
        """Whether packets make sense to others as they are, for all that the container says: of a codec that
        camd hands on, shown in the order in which they are sent."""
        context = self._stream.codec_context
        if self.codec == "mjpeg":
            return True
        return self.codec in INTER and not context.has_b_frames and context.pix_fmt in _COMMON

    def packets(self) -> Iterator[Unit]:
        """Undecoded, from the first key frame on; what is damaged is left out."""
        base = float(self._stream.time_base)
        convert = ByteStream(self._stream, self.codec) if self.codec in INTER else None
        begun = False
        for packet in self._packets():
            if packet.is_corrupt or not packet.size:
                self.damaged += bool(packet.size)
                continue
            position = None if packet.pts is None else packet.pts * base
            if convert is None:
                data = bytes(packet)
                if data.startswith(jpeg.START):
                    yield Unit(data, position, True)
                else:
                    self.damaged += 1
                continue
            for data, keyframe in convert(packet):
                begun = begun or keyframe
                if begun:
                    yield Unit(data, position, keyframe)

    def frames(self) -> Iterator[Unit]:
        """Decoded, in the order of time; what is damaged is left out."""
        for packet in self._packets():
            try:
                decoded = packet.decode()
            except self._errors:
                self.damaged += 1
                continue
            for frame in decoded:
                yield Unit(frame, None if frame.pts is None else float(frame.pts * frame.time_base), True)

    def _packets(self) -> Iterator[Any]:
        """Of the picture stream, at the end an empty one, which makes decoders give what they hold."""
        asked = time.monotonic()
        try:
            for packet in self._container.demux():
                # There may be sound and no picture; and a read that is cut off gives its half packet first.
                if self._patience is not None and time.monotonic() - asked >= self._patience:
                    raise TimeoutError
                if packet.stream.index == self._stream.index:
                    yield packet
                    asked = time.monotonic()
        except self._errors as error:
            raise self._fail(error, True) from None
