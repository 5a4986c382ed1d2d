"""What the built-in test camera sees: hills at dusk, a sun that wanders, a clock, a time code.

The picture has to please a person and serve a machine. For the machine there are two things at
known places: the time-code strip (`read_timecode`) and the bar of pure colours (`colour_bar`).
Everything that stands still is drawn once; a frame is a copy of that with little drawn over it.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from ..media.lettering import Colour, fitting_size, text_width, wrap, write

if TYPE_CHECKING:
    import numpy

BLOCK = 16  #: side of a time-code block, in pixels
BITS = 64  #: blocks in the time code

COLOURS: tuple[tuple[str, Colour], ...] = (
    ("white", (255, 255, 255)),
    ("yellow", (0, 255, 255)),
    ("cyan", (255, 255, 0)),
    ("green", (0, 255, 0)),
    ("magenta", (255, 0, 255)),
    ("red", (0, 0, 255)),
    ("blue", (255, 0, 0)),
    ("black", (0, 0, 0)),
)

_CLOCK = "0000-00-00 00:00:00.000 UTC"  # as wide as any clock: the digits have one width
_TEXT: Colour = (246, 240, 236)
_SOFT: Colour = (206, 190, 178)
_SUN: Colour = (214, 238, 255)
#: The sky from top to bottom: share of its height, colour.
_SKY: tuple[tuple[float, Colour], ...] = (
    (0.0, (92, 58, 38)), (0.35, (146, 104, 74)), (0.65, (176, 150, 150)), (1.0, (150, 184, 236)),
)
#: Hills from far to near: foot of the ridge as share of the height, its swing, waves, colour.
_HILLS: tuple[tuple[float, float, float, Colour], ...] = (
    (0.60, 0.035, 2.3, (150, 132, 128)),
    (0.67, 0.045, 1.7, (108, 84, 74)),
    (0.76, 0.030, 1.2, (56, 40, 33)),
)
#: Clouds: height, width and length as shares, seconds for one crossing.
_CLOUDS = ((0.17, 0.34, 0.075, 41.0), (0.29, 0.24, 0.055, 29.0), (0.40, 0.42, 0.06, 67.0))


class Swatch(NamedTuple):
    """One field of the colour bar: its place in pixels and its colour (BGR)."""

    name: str
    colour: Colour
    x: int
    y: int
    width: int
    height: int


def timecode_height(width: int) -> int:
    """Rows of pixels that the time code takes at the top of a picture of this width."""
    return math.ceil(BITS / (width // BLOCK)) * BLOCK


def read_timecode(image: numpy.ndarray) -> int:
    """CLOCK_MONOTONIC in microseconds from the strip of a test picture (uint8, grey or BGR).

    Takes the mean of each block's middle, so it survives JPEG, H.264 and any brightness that leaves
    white above and black below half.
    """
    per_row = image.shape[1] // BLOCK
    value = 0
    for bit in range(BITS):
        y, x = bit // per_row * BLOCK, bit % per_row * BLOCK
        value = value << 1 | int(image[y + 4:y + 12, x + 4:x + 12].mean() > 127)
    return value


def is_tiny(width: int, height: int) -> bool:
    """Whether the time code leaves room for one line of text only."""
    return height - timecode_height(width) < 96


def colour_bar(width: int, height: int) -> tuple[Swatch, ...]:
    """The fields of pure colour at the bottom edge; none in a tiny picture."""
    if is_tiny(width, height):
        return ()
    thick = max(8, height // 40 // 8 * 8)
    edges = [width * number // len(COLOURS) for number in range(len(COLOURS) + 1)]
    return tuple(
        Swatch(name, colour, left, height - thick, right - left, thick)
        for (name, colour), left, right in zip(COLOURS, edges, edges[1:])
    )


class Scene:
    """Draws test pictures of one size. One thread.

    name: burnt in; width, height: pixels, at least 160x120.
    """

    def __init__(self, name: str, width: int, height: int):
        self._name, self._width, self._height = name, width, height
        unit = min(width / 1280, height / 720)
        self._tiny = is_tiny(width, height)
        self._background = self._paint_background()
        glow = 2 * round(210 * unit) + 1
        self._glow = _light((48, 92, 116), glow, glow, 3)
        self._clouds = [
            _light((58, 62, 70), round(width * wide), max(3, round(height * thick)), 2.5)
            for _y, wide, thick, _period in _CLOUDS
        ]
        self._sun_radius = 40 * unit
        self._lay_out(unit)

    def draw(self, seconds: float, microseconds: int, wall: float, number: int) -> numpy.ndarray:
        """A new picture. seconds: on the scene's own clock, from 0; microseconds: for the time code;
        wall: UTC seconds for the clock; number: of the frame."""
        image = self._background.copy()
        self._draw_sky(image, seconds)
        clock = datetime.fromtimestamp(wall, UTC).isoformat(" ", "milliseconds").removesuffix("+00:00")
        if self._tiny:
            self._draw_line(image, f"{self._name} {clock[11:]}")
        else:
            write(image, f"{clock} UTC", *self._clock_at, self._small, _TEXT, 500)
            text = f"{number:06d}"
            x, y = self._number_at
            write(image, text, x - text_width(text, self._small, 500), y, self._small, _SOFT, 500)
            if self._dial is not None:
                self._draw_dial(image, seconds, *self._dial)
        self._draw_timecode(image, microseconds)
        return image

    def _lay_out(self, unit: float) -> None:
        """Choose sizes and places of the text, and write into the background what never changes."""
        self._small = max(13, round(30 * unit))
        self._dial: tuple[int, int, int] | None = None
        if self._tiny:
            return
        bar = colour_bar(self._width, self._height)
        for swatch in bar:
            x, y = swatch.x, swatch.y
            self._background[y:y + swatch.height, x:x + swatch.width] = swatch.colour
        margin = max(8, round(40 * unit))
        right, foot = self._width - margin, bar[0].y - max(7, round(30 * unit))
        room = right - margin
        self._small = fitting_size(_CLOCK, room, self._small, 9, 500)
        name_foot = foot - round(1.45 * self._small)
        self._clock_at = (margin, foot)
        if text_width(f"{_CLOCK} 000000", self._small, 500) <= room:
            radius = max(6, round(22 * unit))
            self._dial = (right - radius, foot - round(1.15 * self._small) - radius, radius)
            self._number_at = (right, foot)
            room -= 4 * radius
        else:
            self._number_at = (right, name_foot)
            room -= text_width(" 000000", self._small, 500)
        large = fitting_size(self._name, room, max(18, round(52 * unit)), self._small, 600)
        name = wrap(self._name, room, large, 1, 600)
        write(self._background, name[0] if name else "", margin, name_foot, large, _TEXT, 600)

    def _paint_background(self) -> numpy.ndarray:
        import cv2
        import numpy

        width, height = self._width, self._height
        stops = [stop for stop, _colour in _SKY]
        rows = numpy.linspace(0, 1 / 0.72, height)
        sky = numpy.stack(
            [numpy.interp(rows, stops, [colour[channel] for _stop, colour in _SKY]) for channel in range(3)],
            axis=1,
        ).astype(numpy.float32)
        image = numpy.empty((height, width, 3), numpy.uint8)
        noise = _noise(1, 64, width)
        for top in range(0, height, 64):  # in bands, for a 4K picture of floats takes 100 MB
            band = sky[top:top + 64, None, :]
            image[top:top + 64] = band + noise[:len(band)]  # the noise dithers: no visible steps
        across = numpy.arange(0, width + 8, 8)
        for number, (foot, swing, waves, colour) in enumerate(_HILLS):
            phase = across / width * waves * 2 * math.pi + 1.9 * number
            ridge = height * (foot + swing * (numpy.sin(phase) + 0.4 * numpy.sin(2.3 * phase + 1)))
            points = numpy.column_stack([across, ridge])
            outline = numpy.vstack([points, [[width + 8, height], [0, height]]])
            cv2.fillPoly(image, [numpy.round(outline * 16).astype(numpy.int32)], colour, cv2.LINE_AA, 4)
        return image

    def _draw_sky(self, image: numpy.ndarray, seconds: float) -> None:
        import cv2

        turn = 2 * math.pi * seconds / 60
        x = self._width * (0.5 + 0.36 * math.sin(turn))
        y = self._height * (0.27 - 0.07 * math.cos(2 * turn))
        _add(image, self._glow, round(x - self._glow.shape[1] / 2), round(y - self._glow.shape[0] / 2))
        centre = (round(x * 16), round(y * 16))
        cv2.circle(image, centre, round(self._sun_radius * 16), _SUN, cv2.FILLED, cv2.LINE_AA, 4)
        for cloud, (high, wide, _thick, period) in zip(self._clouds, _CLOUDS):
            way = (seconds / period + high * 2.5) % 1
            _add(image, cloud, round(self._width * (way * (1 + wide) - wide)), round(self._height * high))

    def _draw_dial(self, image: numpy.ndarray, seconds: float, x: int, y: int, radius: int) -> None:
        """A dot that runs round a ring once a second: an uneven frame rate is seen at once."""
        import cv2

        turn = 2 * math.pi * (seconds % 1)
        dot = (round((x + radius * math.sin(turn)) * 16), round((y - radius * math.cos(turn)) * 16))
        cv2.circle(image, (x * 16, y * 16), radius * 16, (120, 100, 88), max(1, radius // 8), cv2.LINE_AA, 4)
        cv2.circle(image, dot, max(40, radius * 4), _SUN, cv2.FILLED, cv2.LINE_AA, 4)

    def _draw_line(self, image: numpy.ndarray, text: str) -> None:
        """All text of a tiny picture: one line at the bottom right, beside what the time code takes."""
        room = self._width - 4
        if self._height - timecode_height(self._width) < self._small:
            room -= BITS % (self._width // BLOCK) * BLOCK
        size = fitting_size(text, room, self._small, 7, 500)
        write(image, text, self._width - 2 - text_width(text, size, 500), self._height - 4, size, _TEXT, 500)

    def _draw_timecode(self, image: numpy.ndarray, microseconds: int) -> None:
        import numpy

        bits = numpy.unpackbits(numpy.array([microseconds], ">u8").view(numpy.uint8)) * 255
        per_row = self._width // BLOCK
        for row, first in enumerate(range(0, BITS, per_row)):
            line = numpy.repeat(bits[first:first + per_row], BLOCK)[:, None]
            image[row * BLOCK:(row + 1) * BLOCK, :len(line)] = line


def _noise(seed: int, height: int, width: int) -> numpy.ndarray:
    """The same every time, 0 to 1. By OpenCV: numpy.random would take 6 MB for the two times that it is used."""
    import cv2
    import numpy

    noise = numpy.empty((height, width, 1), numpy.float32)
    cv2.setRNGSeed(seed)
    return cv2.randu(noise, 0.0, 1.0)


def _light(colour: Colour, width: int, height: int, power: float) -> numpy.ndarray:
    """A soft patch of light to be added to a picture: full in the middle, nothing at the rim."""
    import numpy

    x = numpy.linspace(-1, 1, width, dtype=numpy.float32)[None, :]
    y = numpy.linspace(-1, 1, height, dtype=numpy.float32)[:, None]
    falling = numpy.clip(1 - (x * x + y * y), 0, 1) ** power
    noise = _noise(2, height, width)
    light = falling[..., None] * numpy.array(colour, numpy.float32)
    return (light + noise * (light > 0)).astype(numpy.uint8)


def _add(image: numpy.ndarray, light: numpy.ndarray, x: int, y: int) -> None:
    """Add the light at x, y (its top left corner, may lie outside); brightness stops at white."""
    import cv2

    left, top = max(0, x), max(0, y)
    right, bottom = min(image.shape[1], x + light.shape[1]), min(image.shape[0], y + light.shape[0])
    if left < right and top < bottom:
        part = image[top:bottom, left:right]
        cv2.add(part, light[top - y:bottom - y, left - x:right - x], dst=part)
