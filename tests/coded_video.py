"""Coded pictures from FFmpeg's encoders, for tests of what takes them apart and puts them together."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import av
import numpy
from twisted.trial.unittest import SkipTest

_ENCODERS = {"h264": "libx264", "hevc": "libx265", "mjpeg": "mjpeg"}
#: What a live encoder is set to.
LIVE = {
    "h264": "preset=veryfast:tune=zerolatency:profile=baseline:g=30:sc_threshold=0",
    "hevc": "preset=ultrafast:tune=zerolatency:x265-params=repeat-headers=1,keyint=30,scenecut=0,log-level=none",
    "mjpeg": "",
}


@dataclass(frozen=True)
class Coded:
    """One picture; pts and dts in pictures."""

    data: bytes
    pts: int
    dts: int
    keyframe: bool


@cache
def coded(
    codec: str, count: int, options: str | None = None, size: tuple[int, int] = (320, 180), fps: int = 30,
    pixels: str = "yuv420p",
) -> tuple[Coded, ...]:
    """A moving square before a grey that brightens. options: of the encoder, "name=value:..."."""
    try:
        encoder = av.CodecContext.create(_ENCODERS[codec], "w")
    except av.codec.codec.UnknownCodecError:
        raise SkipTest(f"this PyAV has no {_ENCODERS[codec]}") from None
    width, height = size
    encoder.width, encoder.height = size
    encoder.pix_fmt = "yuvj420p" if codec == "mjpeg" else pixels
    encoder.time_base, encoder.framerate = Fraction(1, fps), Fraction(fps)
    pairs = (LIVE[codec] if options is None else options).split(":")
    encoder.options = {name: value.replace(",", ":") for name, _, value in (p.partition("=") for p in pairs)
                       if name}
    packets = []
    for number in range(count):
        image = numpy.full((height, width, 3), 60 + number % 120, numpy.uint8)
        left, top = number * 5 % (width - 40), number * 3 % (height - 30)
        image[top:top + 30, left:left + 40] = (255, 30, 200)
        frame = av.VideoFrame.from_ndarray(image, "bgr24").reformat(format=encoder.pix_fmt)
        frame.pts = number
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    return tuple(Coded(bytes(packet), packet.pts, packet.dts, packet.is_keyframe) for packet in packets)
