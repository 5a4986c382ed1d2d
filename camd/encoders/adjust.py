"""Brightness, contrast, saturation and sharpness for cameras that have no such controls."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from ..media.frame import Frame

if TYPE_CHECKING:
    import numpy

_REACH = 0.96  #: how far the ends of brightness go to black and white: the picture stays a picture
_RADIUS = 1.2  #: sigma of the blur behind sharpness, in pixels


@dataclass(frozen=True, slots=True)
class Adjustment:
    """How to change pictures. Each value 0..100; 50 leaves the picture as it is. Immutable.

    brightness: 0 nearly black, 100 nearly white; in between every tone moves by the same share of
    its way, so nothing is cut off. contrast: 0 a third, 100 three times the distance from middle
    grey. saturation: 0 grey, 100 twice the colour. sharpness: 0 blurred, 100 strong edges.
    """

    brightness: int = 50
    contrast: int = 50
    saturation: int = 50
    sharpness: int = 50

    @property
    def neutral(self) -> bool:
        """Whether nothing would change."""
        return self.brightness == self.contrast == self.saturation == self.sharpness == 50

    def apply(self, frame: Frame) -> Frame:
        """The changed frame, or this very frame if nothing changes. Blocks; for the encode pool."""
        if self.neutral:
            return frame
        image = frame.image
        if self.sharpness != 50:
            image = _sharpen(image, self.sharpness)
        if self.saturation != 50:
            image = _saturate(image, self.saturation)
        if self.brightness != 50 or self.contrast != 50:
            import cv2

            image = cv2.LUT(image, _curve(self.brightness, self.contrast))
        image.flags.writeable = False
        return replace(frame, image=image)


@lru_cache(maxsize=64)
def _curve(brightness: int, contrast: int) -> numpy.ndarray:
    """Table of 256 tones: contrast first, so that no contrast undoes a dark or bright picture."""
    import numpy

    tones = numpy.arange(256, dtype=numpy.float64)
    tones = numpy.clip(127.5 + (tones - 127.5) * 3 ** ((contrast - 50) / 50), 0, 255)
    share = _REACH * (brightness - 50) / 50
    tones = tones + (255 - tones) * share if share > 0 else tones * (1 + share)
    return numpy.rint(tones).astype(numpy.uint8)


def _saturate(image: numpy.ndarray, saturation: int) -> numpy.ndarray:
    """Move each colour away from, or to, the grey of its own luma (BT.601)."""
    import cv2

    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    share = saturation / 50
    return cv2.addWeighted(image, share, grey, 1 - share, 0)


def _sharpen(image: numpy.ndarray, sharpness: int) -> numpy.ndarray:
    """Unsharp mask: add, or take away, what a blur removes."""
    import cv2

    blurred = cv2.GaussianBlur(image, (7, 7), _RADIUS)
    share = (sharpness - 50) / 50
    share = 2 * share if share > 0 else share
    return cv2.addWeighted(image, 1 + share, blurred, -share, 0)
