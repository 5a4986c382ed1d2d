"""Zones: the parts of the picture that count, as people draw them and as blocks of the detector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from camd.errors import Invalid

if TYPE_CHECKING:
    import numpy

#: A polygon of points (x, y) in 0..1 of the picture, y downwards.
Polygon = tuple[tuple[float, float], ...]
MOST, FEWEST_POINTS, MOST_POINTS = 16, 3, 32
#: Polygons are filled at this many pixels a block, so that one partly within counts by its area.
_FINE = 4


def polygons(name: str, value: Sequence[Any]) -> tuple[Polygon, ...]:
    """The zones in a JSON value; raises Invalid that says what is wrong with which."""
    if len(value) > MOST:
        raise Invalid(name, f"there may be at most {MOST} zones")
    return tuple(_polygon(name, number, zone) for number, zone in enumerate(value, 1))


def _polygon(name: str, number: int, zone: Any) -> Polygon:
    if not isinstance(zone, list) or not FEWEST_POINTS <= len(zone) <= MOST_POINTS:
        raise Invalid(name, f"zone {number} must be a list of {FEWEST_POINTS} to {MOST_POINTS} points")
    for point in zone:
        if not isinstance(point, list) or len(point) != 2 or not all(map(_is_share, point)):
            raise Invalid(name, f"zone {number}: each point must be [x, y], both between 0 and 1")
    return tuple((float(x), float(y)) for x, y in zone)


def _is_share(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= 1


def blocks(zones: tuple[Polygon, ...], columns: int, rows: int) -> numpy.ndarray:
    """Which blocks of the picture lie in a zone by more than half: bool, rows x columns. Without zones all do."""
    import cv2
    import numpy

    if not zones:
        return numpy.ones((rows, columns), bool)
    fine = numpy.zeros((rows * _FINE, columns * _FINE), numpy.uint8)
    for zone in zones:
        points = numpy.array(zone) * (columns * _FINE, rows * _FINE) - 0.5
        cv2.fillPoly(fine, [numpy.rint(points).astype(numpy.int32)], 255)
    return cv2.resize(fine, (columns, rows), interpolation=cv2.INTER_AREA) > 127
