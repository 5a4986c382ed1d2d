"""Pictures, and what should become of them, in plain NumPy: what the tests of processing compare with."""

from __future__ import annotations

from itertools import pairwise

import numpy

from camd.media.frame import Frame

Rectangle = tuple[int, int, int, int]  #: x, y, width, height
Polygon = tuple[tuple[float, float], ...]


def noise(width: int, height: int, seed: int = 1) -> numpy.ndarray:
    """Every pixel different from its neighbours: nothing that moves stays unseen."""
    return numpy.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=numpy.uint8)


def smooth(width: int, height: int, seed: int = 1) -> numpy.ndarray:
    """Soft waves, the same in any resolution: what interpolation can do nothing wrong with."""
    x = (numpy.arange(width) + 0.5)[None, :, None] / width
    y = (numpy.arange(height) + 0.5)[:, None, None] / height
    phase = numpy.array([0.0, 1.0, 2.0]) + seed
    waves = numpy.sin(7 * x + phase) + numpy.sin(5 * y - phase)
    return numpy.rint(128 + 55 * waves).astype(numpy.uint8)


def frame_of(image: numpy.ndarray) -> Frame:
    image = image.copy()
    image.flags.writeable = False
    return Frame(image, 1.5, 2.5, 3.5)


def oriented(image: numpy.ndarray, rotate: int, flip: str) -> numpy.ndarray:
    image = numpy.rot90(image, -rotate // 90)
    if flip in ("horizontal", "both"):
        image = image[:, ::-1]
    if flip in ("vertical", "both"):
        image = image[::-1]
    return image


def inside(polygon: Polygon, width: int, height: int, samples: int = 1) -> numpy.ndarray:
    """bool, height*samples x width*samples: which middles of (parts of) pixels lie within, by the
    even-odd rule: row by row, the corners' edges crossed to the left of each."""
    width, height = width * samples, height * samples
    result = numpy.zeros((height, width), bool)
    across = numpy.arange(width) + 0.5
    corners = [(x * width, y * height) for x, y in polygon]
    for row in range(height):
        y = row + 0.5
        for (x1, y1), (x2, y2) in zip(corners, corners[1:] + corners[:1], strict=True):
            if (y1 <= y) != (y2 <= y):
                result[row] ^= across > x1 + (y - y1) / (y2 - y1) * (x2 - x1)
    return result


def touched(polygon: Polygon, width: int, height: int) -> numpy.ndarray:
    """bool, height x width: which pixels the polygon reaches into: 8 x 8 samples of each, and the outline."""
    fine = inside(polygon, width, height, 8)
    result = fine.reshape(height, 8, width, 8).any(axis=(1, 3))
    corners = numpy.array([*polygon, polygon[0]]) * (width, height)
    for start, end in pairwise(corners):
        across, down = (start + numpy.linspace(0, 1, 2000)[:, None] * (end - start)).astype(int).T
        result[numpy.minimum(down, height - 1), numpy.minimum(across, width - 1)] = True
    return result


def widened(area: numpy.ndarray, pixels: int) -> numpy.ndarray:
    """The area and all that is at most so many pixels beside it."""
    padded = numpy.pad(area, pixels)
    height, width = area.shape
    steps = range(2 * pixels + 1)
    return numpy.any([padded[dy : dy + height, dx : dx + width] for dy in steps for dx in steps], axis=0)


def enlarged(
    image: numpy.ndarray, window: tuple[float, float, float, float], width: int, height: int
) -> numpy.ndarray:
    """float, height x width x 3: the window (in pixels and parts of them) by bilinear interpolation."""
    x, y, wide, high = window
    across = numpy.clip(x + (numpy.arange(width) + 0.5) * wide / width - 0.5, 0, image.shape[1] - 1)
    down = numpy.clip(y + (numpy.arange(height) + 0.5) * high / height - 0.5, 0, image.shape[0] - 1)
    left, top = numpy.floor(across).astype(int), numpy.floor(down).astype(int)
    right, bottom = numpy.minimum(left + 1, image.shape[1] - 1), numpy.minimum(top + 1, image.shape[0] - 1)
    dx, dy = (across - left)[None, :, None], (down - top)[:, None, None]
    image = image.astype(float)
    upper = image[top][:, left] * (1 - dx) + image[top][:, right] * dx
    lower = image[bottom][:, left] * (1 - dx) + image[bottom][:, right] * dx
    return upper * (1 - dy) + lower * dy
