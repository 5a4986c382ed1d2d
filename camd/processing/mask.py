"""Privacy masks: parts of the scene that nobody is shown, whatever happens to the picture afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..errors import Invalid
from .ranges import check_numbers

if TYPE_CHECKING:
    import numpy

Point = tuple[float, float]  #: x, y: shares of width and height, from the top left corner
Polygon = tuple[Point, ...]  #: corners in order; closed by itself; what it surrounds twice is outside

MOST_MASKS = 32
FEWEST_POINTS, MOST_POINTS = 3, 32
_SUBPIXEL = 8  #: bits behind the binary point of OpenCV's coordinates


@dataclass(frozen=True, slots=True)
class Masks:
    """Polygons that become black, with every pixel they touch and one or two around. Raises Invalid."""

    polygons: tuple[Polygon, ...] = ()

    def __post_init__(self) -> None:
        _check(self.polygons)
        # Lists would do as well, but cannot be the key of a cache.
        polygons = tuple(tuple((float(x), float(y)) for x, y in polygon) for polygon in self.polygons)
        object.__setattr__(self, "polygons", polygons)

    @property
    def reasons(self) -> tuple[str, ...]:
        return ("masked",) * bool(self.polygons)

    def apply(self, image: numpy.ndarray) -> numpy.ndarray:
        """A new picture (uint8, three channels), or this very one without masks."""
        if not self.polygons:
            return image
        import cv2

        return cv2.copyTo(image, _shown_area(self.polygons, image.shape[1], image.shape[0]))


def masks_from_json(value: Any) -> tuple[Polygon, ...]:
    """Masks as clients write them, a list of polygons [[x, y], ...], or Invalid."""
    _check(value)
    return Masks(value).polygons


def _check(polygons: Any) -> None:
    if not isinstance(polygons, tuple | list) or len(polygons) > MOST_MASKS:
        raise Invalid("masks", f"Value must be a list of at most {MOST_MASKS} polygons")
    for number, polygon in enumerate(polygons, 1):
        if not isinstance(polygon, tuple | list) or not FEWEST_POINTS <= len(polygon) <= MOST_POINTS:
            raise Invalid("masks", f"mask {number} must have {FEWEST_POINTS} to {MOST_POINTS} points [x, y]")
        for point in polygon:
            try:
                check_numbers("masks", point, 2, "x, y")
            except Invalid as error:
                raise Invalid("masks", f"mask {number}: a point is no point: {error.reason}") from None
            if not all(0 <= share <= 1 for share in point):
                raise Invalid("masks", f"mask {number}: x and y must be between 0 and 1, from the top left")


@lru_cache(maxsize=8)  # by picture size; 2 MB each at 1080p
def _shown_area(polygons: tuple[Polygon, ...], width: int, height: int) -> numpy.ndarray:
    """uint8, height x width: 255 where the picture is shown, 0 where it is masked."""
    import cv2
    import numpy

    hidden = numpy.zeros((height, width), numpy.uint8)
    for polygon in polygons:  # one by one: together, overlaps would count as outside
        # A pixel's coordinates are those of its middle.
        points = (numpy.array(polygon) * (width, height) - 0.5) * 2**_SUBPIXEL
        cv2.fillPoly(hidden, [numpy.rint(points).astype(numpy.int32)], 255, cv2.LINE_8, _SUBPIXEL)
    # An outline is drawn through pixels that are at most one beside those it touches; and cameras
    # share colour between neighbours (4:2:0), so the pixel beside a mask knows something of it.
    hidden = cv2.dilate(hidden, numpy.ones((3, 3), numpy.uint8))
    shown = cv2.bitwise_not(hidden)
    shown.flags.writeable = False
    return shown
