"""The part of the scene that is shown: a crop, and a window within it that can be moved and zoomed.

The scene is the picture after rotation and flip. Points are shares of width and height from the top
left corner, of the scene or of the picture that comes out; sizes and rectangles are in pixels.
The crop gives the picture its size; zooming enlarges a window of it to that size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import Invalid
from .mask import Point
from .ranges import check_number, check_numbers

if TYPE_CHECKING:
    import numpy

Size = tuple[int, int]  #: width, height
Crop = tuple[float, float, float, float]  #: x, y, width, height as shares of the scene
View = tuple[float, float, float]  #: pan (-1 left .. 1 right), tilt (-1 bottom .. 1 top), zoom (1..16)

WHOLE: Crop = (0.0, 0.0, 1.0, 1.0)
HOME: View = (0.0, 0.0, 1.0)
SMALLEST_CROP = 1 / 16
LARGEST_ZOOM = 16.0
_ROUNDING = 1e-6  #: how far 0.1 + 0.9 and their like may miss 1
_REACH = 2  #: pixels to each side that cubic interpolation looks at


@dataclass(frozen=True, slots=True)
class Framing:
    """A crop and the view of it. Raises Invalid."""

    crop: Crop = WHOLE
    view: View = HOME

    def __post_init__(self) -> None:
        _check_crop(self.crop)
        check_numbers("view", self.view, 3, "pan, tilt, zoom")
        pan, tilt, zoom = self.view
        check_number("pan", pan, -1, 1)
        check_number("tilt", tilt, -1, 1)
        check_number("zoom", zoom, 1, LARGEST_ZOOM)
        object.__setattr__(self, "crop", tuple(map(float, self.crop)))
        object.__setattr__(self, "view", tuple(map(float, self.view)))

    @property
    def reasons(self) -> tuple[str, ...]:
        return ("cropped",) * (self.crop != WHOLE) + ("zoomed",) * (self.view[2] != 1)

    def apply(self, image: numpy.ndarray) -> numpy.ndarray:
        """The part that is shown, in even width and height: a view into the image, or a new picture."""
        size = (image.shape[1], image.shape[0])
        left, top, width, height = cropped(size, self.crop)
        image = image[top:top + height, left:left + width]
        if self.view[2] == 1:
            return image
        x, y, wide, high = window(size, self.crop, self.view)
        return _enlarge(image, x - left, y - top, wide, high)


def cropped(size: Size, crop: Crop) -> tuple[int, int, int, int]:
    """The rectangle x, y, width, height that a crop takes of a scene; width and height are even, as
    encoders need them: an odd last row or column is left out."""
    across, down = ((round(crop[i] * size[i]), round((crop[i] + crop[i + 2]) * size[i])) for i in (0, 1))
    width, height = (max(2, (end - start) // 2 * 2) for start, end in (across, down))
    return min(across[0], max(0, size[0] - width)), min(down[0], max(0, size[1] - height)), width, height


def window(size: Size, crop: Crop, view: View) -> tuple[float, float, float, float]:
    """The rectangle x, y, width, height of a scene that is shown, in pixels and parts of them: 1/zoom of
    the cropped picture, its middle moved over the room that is left."""
    pan, tilt, zoom = view
    left, top, width, height = cropped(size, crop)
    wide, high = width / zoom, height / zoom
    return left + (width - wide) * (1 + pan) / 2, top + (height - high) * (1 - tilt) / 2, wide, high


def to_scene(point: Point, size: Size, crop: Crop, view: View) -> Point:
    """Where in a scene of this size a point of the picture lies."""
    x, y, wide, high = window(size, crop, view)
    return (x + point[0] * wide) / size[0], (y + point[1] * high) / size[1]


def to_picture(point: Point, size: Size, crop: Crop, view: View) -> Point:
    """Where in the picture a point of the scene lies; beyond 0..1: it is not shown."""
    x, y, wide, high = window(size, crop, view)
    return (point[0] * size[0] - x) / wide, (point[1] * size[1] - y) / high


def crop_from_json(value: Any) -> Crop:
    """A crop as clients write it, [x, y, width, height], or Invalid."""
    return Framing(value).crop


def _check_crop(crop: Any) -> None:
    check_numbers("crop", crop, 4, "x, y, width, height")
    x, y, width, height = crop
    if not (x >= 0 and y >= 0 and x + width <= 1 + _ROUNDING and y + height <= 1 + _ROUNDING):
        raise Invalid("crop", "Value must lie within the picture: x + width and y + height at most 1")
    if width < SMALLEST_CROP or height < SMALLEST_CROP:
        raise Invalid("crop", "width and height must be at least 1/16 (0.0625) of the picture")


def _enlarge(image: numpy.ndarray, x: float, y: float, wide: float, high: float) -> numpy.ndarray:
    """The window of an image, enlarged to the image's size.

    Whole source pixels around the window are enlarged, and the window is cut out of that: a slow
    move goes by pixels of the result, not of the source, and costs half of what a warp does.
    Cubic, which is sharper than linear at the same cost; there is never anything to reduce.
    """
    import cv2

    height, width = image.shape[:2]
    scale = width / wide
    left, top = max(0, math.floor(x) - _REACH), max(0, math.floor(y) - _REACH)
    part = image[top:math.ceil(y + high) + _REACH, left:math.ceil(x + wide) + _REACH]
    size = (round(part.shape[1] * scale), round(part.shape[0] * scale))
    large = cv2.resize(part, size, interpolation=cv2.INTER_CUBIC)
    across = min(round((x - left) * scale), size[0] - width)
    down = min(round((y - top) * scale), size[1] - height)
    return large[down:down + height, across:across + width]
