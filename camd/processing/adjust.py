"""Adjustment: what cameras without such controls get applied to their pictures: tones, colour, detail."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import TYPE_CHECKING

from .ranges import check_whole

if TYPE_CHECKING:
    import numpy

_REACH = 0.96  #: how far the ends of brightness go to black and white: the picture stays a picture
_RADIUS = 1.2  #: sigma of the blur behind sharpness and noise suppression, in pixels
_DEEPEST = 24  #: levels that noise suppression changes at most, at 100
_BAND = 64  #: rows at a time where steps share a buffer: it stays in the processor's cache
#: Lowest and highest value of those that are not 0..100.
_RANGES = {"gamma": (10, 300), "hue": (-180, 180)}


@dataclass(frozen=True, slots=True)
class Adjustment:
    """How to change pictures. Immutable; raises Invalid for what is out of range.

    0..100, 50 leaves the picture as it is:
    brightness: 0 nearly black, 100 nearly white; in between every tone moves by the same share of
    its way, so nothing is cut off. contrast: 0 a third, 100 three times the distance from middle
    grey. saturation: 0 grey, 100 twice the colour. sharpness: 0 blurred, 100 strong edges.
    red_gain, blue_gain: 0 half, 100 twice of that colour (white balance).

    gamma: 10..300, neutral 100; more lifts the dark tones. hue: -180..180 degrees, neutral 0; more
    turns red to yellow. noise_suppression: 0..100, neutral 0; changes no sample by more than a quarter
    of it, so edges stay.
    """

    brightness: int = 50
    contrast: int = 50
    saturation: int = 50
    sharpness: int = 50
    gamma: int = 100
    hue: int = 0
    noise_suppression: int = 0
    red_gain: int = 50
    blue_gain: int = 50

    def __post_init__(self) -> None:
        for field in fields(self):
            check_whole(field.name, getattr(self, field.name), *_RANGES.get(field.name, (0, 100)))

    @property
    def reasons(self) -> tuple[str, ...]:
        changed = any(getattr(self, field.name) != field.default for field in fields(self))
        return ("the picture is adjusted",) * changed

    def apply(self, image: numpy.ndarray) -> numpy.ndarray:
        """A new picture (uint8, BGR), or this very one if nothing changes.

        Noise goes first, before anything makes it stronger; edges last, since they are of the picture
        that people see.
        """
        import cv2

        if self.noise_suppression:
            image = _suppress_noise(image, self.noise_suppression)
        tones = (self.brightness, self.contrast, self.gamma, self.red_gain, self.blue_gain)
        if tones != (50, 50, 100, 50, 50):
            image = cv2.LUT(image, _tones(*tones))
        if (self.saturation, self.hue) != (50, 0):
            image = cv2.transform(image, _colours(self.saturation, self.hue))
        if self.sharpness != 50:
            image = _sharpen(image, self.sharpness)
        return image


@lru_cache(maxsize=64)
def _tones(brightness: int, contrast: int, gamma: int, red_gain: int, blue_gain: int) -> numpy.ndarray:
    """Table 1 x 256 x 3 for cv2.LUT. Gains first, since they are the light's; brightness last, so that
    no contrast undoes a dark or bright picture."""
    import numpy

    gains = [2 ** ((gain - 50) / 50) for gain in (blue_gain, 50, red_gain)]
    tones = numpy.clip(numpy.arange(256.0)[:, None] * gains, 0, 255)
    tones = 255 * (tones / 255) ** (100 / gamma)
    tones = numpy.clip(127.5 + (tones - 127.5) * 3 ** ((contrast - 50) / 50), 0, 255)
    share = _REACH * (brightness - 50) / 50
    tones = tones + (255 - tones) * share if share > 0 else tones * (1 + share)
    return numpy.rint(tones).astype(numpy.uint8)[None]


@lru_cache(maxsize=64)
def _colours(saturation: int, hue: int) -> numpy.ndarray:
    """Matrix 3 x 3 for cv2.transform: turns and stretches the two colour differences of BT.601, and
    leaves the luma alone."""
    import numpy

    luma = numpy.array([0.114, 0.587, 0.299])
    differences = numpy.array([luma, ([1, 0, 0] - luma) / 1.772, ([0, 0, 1] - luma) / 1.402])
    share, turn = saturation / 50, math.radians(hue)
    cos, sin = share * math.cos(turn), share * math.sin(turn)
    turned = numpy.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
    return (numpy.linalg.inv(differences) @ turned @ differences).astype(numpy.float32)


def _sharpen(image: numpy.ndarray, sharpness: int) -> numpy.ndarray:
    """Unsharp mask: add, or take away, what a blur removes."""
    import cv2

    blurred = cv2.GaussianBlur(image, (7, 7), _RADIUS)
    share = (sharpness - 50) / 50
    share = 2 * share if share > 0 else share
    return cv2.addWeighted(image, 1 + share, blurred, -share, 0, dst=blurred)


def _suppress_noise(image: numpy.ndarray, strength: int) -> numpy.ndarray:
    """Coring: each sample goes towards the blur around it, but only so far; what differs more is detail."""
    import cv2

    depth = max(1, round(_DEEPEST * strength / 100))
    levels = (depth, depth, depth, 0)
    blurred = cv2.GaussianBlur(image, (5, 5), _RADIUS)
    for top in range(0, len(image), _BAND):
        band, result = image[top:top + _BAND], blurred[top:top + _BAND]
        cv2.min(result, cv2.add(band, levels), dst=result)
        cv2.max(result, cv2.subtract(band, levels), dst=result)
    return blurred
