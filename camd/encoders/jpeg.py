"""Between pixels and JPEG or packed YUV, by OpenCV. All functions block: they run in the encode pool.

OpenCV's YUV conversions take the samples for limited range (luma 16..235, chroma 16..240), ITU-R
BT.601. Full-range samples go through a table to limited range first: one rounding more, under 0.1
levels of error on average, and half the time of upsampling the chroma by hand. A JPEG is full range
by definition (JFIF 1.02), and its own decoder knows that.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from ..errors import CamdError
from ..hookspecs import hookimpl
from ..media.frame import Format, Frame, Packet

if TYPE_CHECKING:
    import numpy

DEFAULT_QUALITY = 85


@hookimpl
def camd_encoders() -> dict[str, Callable[..., Any]]:
    return {"mjpeg": jpeg_encoder}


def jpeg_encoder(quality: int | None = None) -> Callable[[Frame], Packet]:
    """An encoder of one quality (1..100; None: DEFAULT_QUALITY)."""
    quality = DEFAULT_QUALITY if quality is None else quality
    return lambda frame: encode_jpeg(frame, quality)


def encode_jpeg(frame: Frame, quality: int) -> Packet:
    """Compress a Frame to a baseline JPEG (4:2:0) of the quality 1..100; times are kept."""
    import cv2

    try:
        _done, data = cv2.imencode(".jpg", frame.image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    except cv2.error as error:
        raise CamdError(f"a picture of shape {frame.image.shape} cannot become a JPEG: {error}") from None
    return Packet(data.tobytes(), "mjpeg", frame.pts, frame.wall, frame.grabbed, card=frame.card)


def decode(packet: Packet, format: Format | None) -> Frame:
    """Unpack a Packet to a Frame; times are kept.

    The packet names its codec: "mjpeg" (has its own size, format is not looked at), "yuyv422" or
    "nv12" (size and range from the format). Raises CamdError if the bytes are no such picture.
    """
    if packet.codec == "mjpeg":
        image = _unpack_jpeg(packet.data)
    elif packet.codec not in _UNPACK:
        known = ", ".join(["mjpeg", *_UNPACK])
        raise CamdError(f"cannot decode {packet.codec}, only {known}: choose another format for the camera")
    elif format is None:
        raise CamdError(f"a {packet.codec} picture without a size cannot be decoded")
    else:
        image = _UNPACK[packet.codec](packet.data, format)
    image.flags.writeable = False
    return Frame(image, packet.pts, packet.wall, packet.grabbed)


def _unpack_jpeg(data: bytes) -> numpy.ndarray:
    import cv2
    import numpy

    image = None
    if data:  # an empty buffer is an assertion in OpenCV
        # The clients that get the bytes untouched see the pixels as they lie, so no EXIF turning here.
        flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
        image = cv2.imdecode(numpy.frombuffer(data, numpy.uint8), flags)
    if image is None:
        raise CamdError(f"{len(data)} bytes that should be a JPEG are damaged or cut off: skipped")
    return image


def _unpack_yuyv422(data: bytes, format: Format) -> numpy.ndarray:
    import cv2

    samples = _samples(data, format, 2).reshape(format.height, format.width, 2)
    if format.full_range:
        samples = cv2.LUT(samples, _to_limited_range())
    return cv2.cvtColor(samples, cv2.COLOR_YUV2BGR_YUY2)


def _unpack_nv12(data: bytes, format: Format) -> numpy.ndarray:
    import cv2
    import numpy

    height = format.height
    samples = _samples(data, format, 1.5).reshape(height * 3 // 2, format.width)
    if format.full_range:
        luma, chroma = cv2.split(_to_limited_range())
        limited = numpy.empty_like(samples)
        cv2.LUT(samples[:height], luma, dst=limited[:height])
        cv2.LUT(samples[height:], chroma, dst=limited[height:])
        samples = limited
    return cv2.cvtColor(samples, cv2.COLOR_YUV2BGR_NV12)


_UNPACK: dict[str, Callable[[bytes, Format], numpy.ndarray]] = {
    "yuyv422": _unpack_yuyv422,
    "nv12": _unpack_nv12,
}


def _samples(data: bytes, format: Format, per_pixel: float) -> numpy.ndarray:
    import numpy

    expected = int(format.width * format.height * per_pixel)
    if len(data) != expected:
        raise CamdError(
            f"a {format.codec} picture of {format.size} has {expected} bytes, this one {len(data)}: skipped"
        )
    return numpy.frombuffer(data, numpy.uint8)


@cache
def _to_limited_range() -> numpy.ndarray:
    """Table 1 x 256 x 2 for cv2.LUT: full-range luma and chroma to BT.601's limited range."""
    import numpy

    full = numpy.arange(256)
    table = numpy.stack([16 + full * 219 / 255, 128 + (full - 128) * 224 / 255], axis=1)
    return numpy.rint(table).astype(numpy.uint8)[None]
