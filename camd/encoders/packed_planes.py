"""PackedPlanes: a camera's picture as video encoders take it, with its own luma and chroma."""

from __future__ import annotations

from typing import Any

from ..errors import CamdError
from ..media.frame import Packet


class PackedPlanes:
    """Puts the samples where they belong and halves chroma: half of the work of making pixels of a JPEG, and luma and
    chroma of those, and a fifth of that for raw pictures. OpenCV is not needed. One thread at a time.

    width, height: of each picture, even; full_range: luma of raw pictures uses 0..255.
    """

    def __init__(self, width: int, height: int, full_range: bool = False):
        from av.video.reformatter import ColorRange, VideoReformatter

        self._size = width, height
        self._full, self._limited = ColorRange.JPEG, ColorRange.MPEG
        self._raw_range = self._full if full_range else self._limited
        self._reformatter = VideoReformatter()
        self._decoder: Any = None
        self._raw: Any = None

    def fill(self, packet: Packet) -> Any:
        """A picture of this packet: yuv420p, limited range, BT.601. Raises CamdError if it is damaged."""
        if packet.codec == "mjpeg":
            picture, given = self._decoded(packet), self._full
        else:
            picture, given = self._laid_out(packet), self._raw_range
        return self._reformatter.reformat(
            picture, format="yuv420p", src_color_range=given, dst_color_range=self._limited,
            src_colorspace="ITU601", dst_colorspace="ITU601", threads=1,
        )  # fmt: skip

    def _decoded(self, packet: Packet) -> Any:
        import av

        if self._decoder is None:
            self._decoder = av.CodecContext.create("mjpeg", "r")
            self._decoder.thread_count = 1
            width, height = self._size  # what a header promises takes memory
            self._decoder.options = {"err_detect": "explode", "max_pixels": str(width * height)}
        try:
            # None at all would be the end of the stream to FFmpeg.
            pictures = self._decoder.decode(av.Packet(packet.data)) if packet.data else []
        except (av.FFmpegError, ValueError):
            pictures = []
        if len(pictures) != 1 or (pictures[0].width, pictures[0].height) != self._size or pictures[0].is_corrupt:
            self._decoder = None
            raise CamdError(f"{len(packet.data)} bytes that should be a JPEG are damaged or cut off: skipped")
        return pictures[0]

    def _laid_out(self, packet: Packet) -> Any:
        import av
        import numpy

        if self._raw is None or self._raw.format.name != packet.codec:
            self._raw = av.VideoFrame(*self._size, packet.codec)
        width, height = self._size
        row = width * 2 if packet.codec == "yuyv422" else width
        rows = sum(plane.height for plane in self._raw.planes)
        samples = numpy.frombuffer(packet.data, numpy.uint8)
        if samples.size != rows * row:
            raise CamdError(f"a {packet.codec} picture of {width}x{height} has {rows * row} bytes, "
                            f"this one {samples.size}: skipped")
        samples, top = samples.reshape(rows, row), 0
        for plane in self._raw.planes:
            place = numpy.frombuffer(plane, numpy.uint8).reshape(plane.height, plane.line_size)
            place[:, :row] = samples[top:top + plane.height]
            top += plane.height
        return self._raw
