"""What a V4L2 device can deliver (formats, sizes, rates), and which of it to take."""

from __future__ import annotations

from collections.abc import Iterator

from ...errors import SourceError
from ...media.source import Mode, SourceSettings
from . import abi as v4l2
from .device import Device

#: Our (FFmpeg's) names of the formats that camd can use; the order is the order of preference.
CODECS = {
    "mjpeg": (v4l2.PIX_FMT_MJPEG, v4l2.PIX_FMT_JPEG),
    "yuyv422": (v4l2.PIX_FMT_YUYV,),
    "nv12": (v4l2.PIX_FMT_NV12,),
    "h264": (v4l2.PIX_FMT_H264,),
}
#: Taken without being asked for: everything that can be shown as a picture of its own.
_AUTOMATIC = ("mjpeg", "yuyv422", "nv12")
_SIZE, _RATE = (1280, 720), 30.0

# What is offered of a device that has ranges instead of a list.
_USUAL_SIZES = (
    (160, 120), (320, 180), (320, 240), (352, 288), (640, 360), (640, 480), (800, 600), (960, 540),
    (1024, 768), (1280, 720), (1280, 960), (1600, 1200), (1920, 1080), (2560, 1440), (3840, 2160),
)  # fmt: skip
_USUAL_RATES = (5, 10, 15, 20, 24, 25, 30, 50, 60, 90, 120)

# A faulty driver must not keep us here for ever.
_FORMATS, _SIZES, _RATES = 64, 128, 64


def formats(device: Device) -> dict[str, int]:
    """The usable formats of the device by preference: our name -> fourcc. Raises OSError."""
    listing = device.listing(device.abi.enum_fmt, _FORMATS, type=v4l2.BUF_TYPE_VIDEO_CAPTURE)
    offered = {entry["pixelformat"] for entry in listing}
    return {
        codec: next(number for number in numbers if number in offered)
        for codec, numbers in CODECS.items()
        if offered.intersection(numbers)
    }


def modes(device: Device) -> tuple[Mode, ...]:
    """Every usable mode of the device, in its own order of sizes. Raises OSError."""
    found: dict[tuple[str, int, int], Mode] = {}
    for codec, number in formats(device).items():
        for width, height in _sizes(device, number):
            if (codec, width, height) not in found:
                rates = tuple(sorted(set(_rates(device, number, width, height)), reverse=True))
                found[codec, width, height] = Mode(codec, width, height, rates)
    return tuple(found.values())


def _sizes(device: Device, number: int) -> Iterator[tuple[int, int]]:
    known = False
    for entry in device.listing(device.abi.enum_framesizes, _SIZES, pixel_format=number):
        known = True
        if entry["type"] == v4l2.FRMSIZE_TYPE_DISCRETE:
            yield v4l2.PAIR.unpack_from(entry["union"])
            continue
        yield from _usual_sizes(*v4l2.STEPWISE.unpack(entry["union"]))
        return  # a range is the one and only entry
    if not known:  # the driver does not enumerate: what it is set to is what we know
        current = device.current_format()
        if current.width and current.height:
            yield current.width, current.height


def _usual_sizes(
    low_w: int, high_w: int, step_w: int, low_h: int, high_h: int, step_h: int
) -> Iterator[tuple[int, int]]:
    for width, height in _USUAL_SIZES:
        fits = low_w <= width <= high_w and low_h <= height <= high_h
        if fits and (width - low_w) % (step_w or 1) == 0 and (height - low_h) % (step_h or 1) == 0:
            yield width, height
    yield high_w, high_h


def _rates(device: Device, number: int, width: int, height: int) -> Iterator[float]:
    listing = device.listing(
        device.abi.enum_frameintervals, _RATES, pixel_format=number, width=width, height=height
    )
    for entry in listing:
        if entry["type"] == v4l2.FRMIVAL_TYPE_DISCRETE:
            numerator, denominator = v4l2.PAIR.unpack_from(entry["union"])
            if numerator and denominator:
                yield _rate(numerator, denominator)
            continue
        short_n, short_d, long_n, long_d, _, _ = v4l2.STEPWISE.unpack(entry["union"])
        if short_n and short_d:
            fastest = _rate(short_n, short_d)
            slowest = _rate(long_n, long_d) if long_n and long_d else 0.0
            yield from (float(rate) for rate in _USUAL_RATES if slowest <= rate <= fastest)
            yield fastest
        return


def _rate(numerator: int, denominator: int) -> float:
    return round(denominator / numerator, 3)  # devices count in 100 ns: 333333 of them mean 30/s


def choose(modes: tuple[Mode, ...], settings: SourceSettings, where: str) -> tuple[Mode, float]:
    """The mode nearest to the settings, and the rate (1/s) to ask for. where: names the camera in
    the SourceError when there is none. Pure."""
    offered = list(dict.fromkeys(mode.codec for mode in modes))
    if not offered:
        raise SourceError(f"{where}: the camera offers none of the formats {', '.join(CODECS)}")
    wanted = _AUTOMATIC if settings.codec is None else (settings.codec,)
    codec = next((codec for codec in wanted if codec in offered), None)
    if codec is None:
        raise SourceError(
            f"{where}: the camera offers {', '.join(offered)}, but not {' or '.join(wanted)};"
            " set format to one that it offers"
        )
    width, height = settings.width, settings.height
    if not width and not height:
        width, height = _SIZE
    mode = min(
        (mode for mode in modes if mode.codec == codec),
        key=lambda mode: abs(mode.width - (width or mode.width)) + abs(mode.height - (height or mode.height)),
    )
    fps = settings.fps or _RATE
    return mode, min(mode.rates, key=lambda rate: abs(rate - fps), default=fps)
