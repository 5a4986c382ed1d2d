"""PackedPlanes: a camera's raw picture as video encoders take it, with its own luma and chroma."""

from __future__ import annotations

from typing import Any

from ..errors import CamdError
from ..media.frame import Format, Packet


class PackedPlanes:
    """Only moves the samples to where they belong: a fifth of the work of making pixels, and luma and chroma of those.

    format: yuyv422 or nv12 of even width and height, limited range, with BT.601's colours. One thread at a time.
    """

    def __init__(self, format: Format):
        import av
        from av.video.reformatter import VideoReformatter

        self._format = format
        self._packed = av.VideoFrame(format.width, format.height, format.codec)
        self._row = format.width * 2 if format.codec == "yuyv422" else format.width
        self._reformatter = VideoReformatter()

    def fill(self, packet: Packet) -> Any:
        """A picture (yuv420p) of this packet; raises CamdError if it is not as long as pictures of the format are."""
        import numpy

        samples = numpy.frombuffer(packet.data, numpy.uint8)
        rows = sum(plane.height for plane in self._packed.planes)
        if samples.size != rows * self._row:
            raise CamdError(f"a {packet.codec} picture of {self._format.size} has {rows * self._row} bytes, "
                            f"this one {samples.size}: skipped")
        samples, top = samples.reshape(rows, self._row), 0
        for plane in self._packed.planes:
            place = numpy.frombuffer(plane, numpy.uint8).reshape(plane.height, plane.line_size)
            place[:, :self._row] = samples[top:top + plane.height]
            top += plane.height
        return self._reformatter.reformat(self._packed, format="yuv420p", threads=1)
