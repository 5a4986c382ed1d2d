"""Pictures of known colours, written by the formulas of ITU-R BT.601, and their comparison."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import av
import cv2
import numpy

#: Bars from left to right, BGR: the corners of the cube and two tones between.
BARS = numpy.array([
    (255, 255, 255), (0, 255, 255), (255, 255, 0), (0, 255, 0), (255, 0, 255), (0, 0, 255), (255, 0, 0),
    (0, 0, 0), (40, 90, 200), (128, 128, 128),
], float)  # fmt: skip
#: Width of one bar; that of the picture is len(BARS) times as much.
BAR = 32
WIDTH, HEIGHT = BAR * len(BARS), 240


def ycbcr(full: bool) -> tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray]:
    """The colours of the bars as samples; full: of the range 0..255 instead of 16..235."""
    blue, green, red = BARS.T
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    cb, cr = (blue - luma) / 1.772, (red - luma) / 1.402
    if not full:
        luma, cb, cr = 16 + luma * 219 / 255, cb * 224 / 255, cr * 224 / 255
    return tuple(
        numpy.clip(numpy.rint(samples), 0, 255).astype(numpy.uint8) for samples in (luma, 128 + cb, 128 + cr)
    )


def yuyv422() -> bytes:
    """The bars as one picture of a camera, which gives the limited range."""
    luma, cb, cr = (numpy.repeat(samples, BAR) for samples in ycbcr(full=False))
    row = numpy.empty((WIDTH, 2), numpy.uint8)
    row[:, 0], row[0::2, 1], row[1::2, 1] = luma, cb[0::2], cr[1::2]
    return numpy.tile(row.reshape(-1), HEIGHT).tobytes()


def write_video(path: Path, full: bool) -> None:
    """A video file of the bars, without loss, which says what range it has."""
    luma, cb, cr = ycbcr(full)
    planes = [numpy.tile(numpy.repeat(luma, BAR), (HEIGHT, 1))]
    planes += [numpy.tile(numpy.repeat(chroma, BAR // 2), (HEIGHT // 2, 1)) for chroma in (cb, cr)]
    stacked = numpy.vstack([plane.reshape(-1, WIDTH) for plane in planes])
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=30)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.colorspace, stream.codec_context.color_range = 6, 2 if full else 1
        for _ in range(10):
            frame = av.VideoFrame.from_ndarray(stacked, "yuv420p")
            frame.colorspace, frame.color_range = 6, 2 if full else 1
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def bars() -> list[tuple[tuple[float, ...], tuple[int, int, int, int]]]:
    """Colour and place (x, y, width, height) of each bar."""
    return [(tuple(colour), (n * BAR, 0, BAR, HEIGHT)) for n, colour in enumerate(BARS)]


def error(jpeg: bytes, fields: Iterable[tuple[Iterable[float], tuple[int, int, int, int]]]) -> float:
    """How far the worst field is from its colour: levels of the worst channel, in the mean of its middle."""
    image = unpack(jpeg)
    worst = 0.0
    for colour, (x, y, width, height) in fields:
        middle = image[y + height // 4 : y + height * 3 // 4, x + width // 4 : x + width * 3 // 4]
        worst = max(worst, float(numpy.abs(middle.mean(axis=(0, 1)) - numpy.array(tuple(colour))).max()))
    return worst


def brightness(jpeg: bytes) -> float:
    """The mean luma, 0..255."""
    return float(cv2.cvtColor(unpack(jpeg), cv2.COLOR_BGR2GRAY).mean())


def unpack(jpeg: bytes) -> numpy.ndarray:
    return cv2.imdecode(numpy.frombuffer(jpeg, numpy.uint8), cv2.IMREAD_COLOR)
