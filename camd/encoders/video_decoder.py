"""Decoding H.264 and H.265 by PyAV; blocks, for the encode pool."""

from __future__ import annotations

from ..errors import CamdError
from ..media.frame import Format, Frame, Packet


class VideoDecoder:
    """Makes Frames of the Packets of one opening of a source, in their order. One thread at a time.

    Begins at a key frame. Decoding holds nothing back, for cameras send no pictures out of order; the
    colours are those that the stream declares, BT.601 where it declares none.
    """

    def __init__(self, format: Format):
        self._codec = format.codec
        self._context = None
        self._times: dict[int, Packet] = {}
        self._count = 0

    def decode(self, packet: Packet) -> Frame | None:
        """The newest picture that this packet completes; None if it completes none.

        Raises CamdError if the bytes are no such video; the next key frame mends it."""
        import av

        if self._context is None:
            self._context = self._make()
        coded = av.Packet(packet.data)
        coded.pts = coded.dts = self._count
        self._times[self._count] = packet
        self._count += 1
        try:
            pictures = self._context.decode(coded)
        except av.FFmpegError as error:
            self._context = None  # whatever it remembers is broken
            self._times.clear()
            raise CamdError(f"{len(packet.data)} bytes of {self._codec} cannot be decoded: {error.strerror}") from None
        if not pictures:
            return None
        picture = pictures[-1]
        taken = self._times.get(picture.pts, packet)
        self._times = {number: kept for number, kept in self._times.items() if number > picture.pts}
        image = picture.to_ndarray(format="bgr24")
        image.flags.writeable = False
        return Frame(image, taken.pts, taken.wall, taken.grabbed)

    def _make(self):  # noqa: ANN202 - the type is PyAV's, which is imported late
        import av

        context = av.CodecContext.create(self._codec, "r")
        context.thread_count = 1
        context.flags |= av.codec.context.Flags.low_delay
        return context
