"""Detector: finds what moves in a sequence of small pictures.

The background is a running average of the pictures. A picture is compared with it block by block; a block
has changed if it differs by more than a threshold, which is the higher the noisier the block is. What goes
on everywhere at once is no motion: the picture's gain is taken out before, and when most of the picture
changes the background is learned anew (somebody switched the light on).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from .zones import Polygon, blocks

if TYPE_CHECKING:
    import numpy

#: Pixels of the reduced picture to a side of a block.
BLOCK = 4
#: The background is learned so long before anything is told (seconds of pictures).
LEARNING = 1.0
#: Pictures further apart than this have nothing to do with each other (seconds).
GAP = 3.0
#: How fast the background and the noise of a block are learned, and of one that has changed (seconds).
GROUND, CHANGED_GROUND = 2.0, 6.0
NOISE, CHANGED_NOISE = 4.0, 30.0
#: A block has changed if it differs by so many times its noise, and by these levels of 255 at the
#: sensitivities 0 and 100.
NOISES = 2.0
DULL, KEEN = 40.0, 3.0
#: If more of the picture changes than this, the light did.
EVERYWHERE = 0.6
#: Levels that tell the gain: darker and brighter ones are cut off by the camera.
_DARK, _BRIGHT = 16, 240


@dataclass(frozen=True, slots=True)
class Tuning:
    """sensitivity: 0..100. zones: where to look, empty: everywhere. blind: (top, bottom) shares of the height
    at the edges that are not looked at."""

    sensitivity: int = 50
    zones: tuple[Polygon, ...] = ()
    blind: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Finding:
    """The largest thing that moves. score: its part of the picture in percent; box: x, y, width and height
    around it, in 0..1 of the picture. Nothing moves: 0 and None."""

    score: float = 0.0
    box: tuple[float, float, float, float] | None = None


NOTHING = Finding()


class Detector:
    """Knows the background of one camera. `look` blocks, and is for one thread at a time."""

    def __init__(self) -> None:
        self._ground: numpy.ndarray | None = None  # float32, as large as the picture
        self._noise: numpy.ndarray | None = None  # float32, rows x columns
        self._since = 0.0
        self._when = 0.0

    def look(self, image: numpy.ndarray, when: float, tuning: Tuning) -> Finding:
        """What moves in this picture (uint8, BGR, about 160 pixels wide), taken at that time (seconds)."""
        import cv2
        import numpy

        grey = cv2.blur(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), (3, 3)).astype(numpy.float32)
        height, width = grey.shape
        grid = max(1, round(width / BLOCK)), max(1, round(height / BLOCK))
        passed, self._when = when - self._when, when
        if self._ground is None or self._ground.shape != grey.shape or not 0 < passed < GAP:
            self._learn(grey, grid, when)
            return NOTHING
        self._ground *= _gain(grey, self._ground, grid)
        difference = cv2.resize(cv2.absdiff(grey, self._ground), grid, interpolation=cv2.INTER_AREA)
        if when - self._since < LEARNING:
            share = passed / (when - self._since + passed)  # the mean of all so far
            self._ground += share * (grey - self._ground)
            self._noise += share * (difference - self._noise)
            return NOTHING
        threshold = DULL * (KEEN / DULL) ** (tuning.sensitivity / 100)
        changed = difference > threshold + NOISES * self._noise
        if changed.mean() > EVERYWHERE:
            self._learn(grey, grid, when)
            return NOTHING
        self._follow(grey, difference, changed, passed)
        return _largest(changed & _open(tuning.zones, tuning.blind, *grid))

    def _learn(self, grey: numpy.ndarray, grid: tuple[int, int], when: float) -> None:
        import numpy

        self._ground, self._noise = grey, numpy.zeros(grid[::-1], numpy.float32)
        self._since = when

    def _follow(
        self, grey: numpy.ndarray, difference: numpy.ndarray, changed: numpy.ndarray, passed: float
    ) -> None:
        """Learn; slowly where something moves, so that it is not taken for the background at once."""
        import cv2
        import numpy

        def shares(still: float, moving: float) -> numpy.ndarray:
            return numpy.where(changed, _share(passed, moving), _share(passed, still)).astype(numpy.float32)

        self._noise += shares(NOISE, CHANGED_NOISE) * (difference - self._noise)
        share = cv2.resize(shares(GROUND, CHANGED_GROUND), grey.shape[::-1], interpolation=cv2.INTER_NEAREST)
        self._ground += share * (grey - self._ground)


def _share(passed: float, time: float) -> float:
    """How much of the newest counts in a running average over that time."""
    return 1 - math.exp(-passed / time)


def _gain(grey: numpy.ndarray, ground: numpy.ndarray, grid: tuple[int, int]) -> float:
    """How much brighter the picture is than the background, whatever moves in less than half of it."""
    import cv2
    import numpy

    new, old = (cv2.resize(image, grid, interpolation=cv2.INTER_AREA) for image in (grey, ground))
    tells = (old > _DARK) & (old < _BRIGHT) & (new > _DARK) & (new < _BRIGHT)
    if tells.mean() < 0.1:
        return 1.0
    return float(numpy.clip(numpy.median(new[tells] / old[tells]), 0.5, 2.0))


@lru_cache(maxsize=32)
def _open(
    zones: tuple[Polygon, ...], blind: tuple[float, float], columns: int, rows: int
) -> numpy.ndarray:
    """The blocks that count."""
    counts = blocks(zones, columns, rows)
    top, bottom = (math.ceil(share * rows) for share in blind)
    counts[:top] = False
    counts[max(0, rows - bottom):] = False
    counts.flags.writeable = False
    return counts


def _largest(changed: numpy.ndarray) -> Finding:
    """The largest of the areas of blocks that touch each other."""
    import cv2
    import numpy

    count, _, areas, _ = cv2.connectedComponentsWithStats(changed.astype(numpy.uint8), connectivity=8)
    if count < 2:  # number 0 is what has not changed
        return NOTHING
    x, y, width, height, area = areas[1 + areas[1:, cv2.CC_STAT_AREA].argmax()].tolist()
    rows, columns = changed.shape
    box = (x / columns, y / rows, width / columns, height / rows)
    return Finding(round(100 * area / changed.size, 1), tuple(round(side, 3) for side in box))
