"""Stamp: a small picture with transparency that is put onto large ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..media.lettering import fitting_size, text_width, write

if TYPE_CHECKING:
    import numpy

_WEIGHT = 600
_SMALLEST = 8  #: font height in pixels; less cannot be read
_STEP = 1.3  #: distance of lines in font heights


class Stamp:
    """colour: uint8, height x width x 3, BGR, already multiplied by its opacity; opacity: uint8, height x
    width. Both belong to the stamp. Immutable once made."""

    def __init__(self, colour: numpy.ndarray, opacity: numpy.ndarray):
        import cv2

        self.height, self.width = opacity.shape
        self._colour = colour
        self._rest = cv2.cvtColor(cv2.bitwise_not(opacity), cv2.COLOR_GRAY2BGR)

    def put(self, image: numpy.ndarray, x: int, y: int) -> None:
        """Put it onto the image (uint8, BGR, writable); x, y: its top left corner, at least 0. What reaches
        over the right or lower edge is lost."""
        import cv2

        ground = image[y:y + self.height, x:x + self.width]
        height, width = ground.shape[:2]
        if not ground.size:
            return
        cv2.multiply(ground, self._rest[:height, :width], dst=ground, scale=1 / 255)
        cv2.add(ground, self._colour[:height, :width], dst=ground)


def lettered(lines: tuple[str, ...], size: int, room: int, align: float) -> Stamp:
    """White text with a black outline, which can be read on any ground.

    size: font height in pixels, made smaller until the widest line fits into `room`; align: 0 left,
    0.5 middle, 1 right.
    """
    import cv2
    import numpy

    size = min(fitting_size(line, room - size // 2, size, _SMALLEST, _WEIGHT) for line in lines)
    rim, step = max(1, round(size / 14)), round(size * _STEP)
    edge = rim + max(2, size // 12)  # letters may reach over the width that was measured
    widths = [text_width(line, size, _WEIGHT) for line in lines]
    shape = (step * len(lines) + edge, min(room, max(widths) + 2 * edge), 3)
    letters = numpy.zeros(shape, numpy.uint8)
    for number, (line, width) in enumerate(zip(lines, widths), 1):
        x = edge + max(0, round((shape[1] - 2 * edge - width) * align))
        write(letters, line, x, step * number - round(0.2 * size), size, (255, 255, 255), _WEIGHT)
    outline = cv2.dilate(letters[..., 0], cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * rim + 1,) * 2))
    return Stamp(letters, cv2.max(cv2.GaussianBlur(outline, (3, 3), 0), letters[..., 0]))


def scaled(picture: numpy.ndarray, width: int, height: int) -> Stamp:
    """A picture (uint8, BGRA) of at most this size in pixels, its proportions kept."""
    import cv2
    import numpy

    opacity = picture[..., 3:].astype(numpy.float32) / 255
    picture = numpy.concatenate([picture[..., :3] * opacity, opacity * 255], axis=2).astype(numpy.float32)
    scale = min(width / picture.shape[1], height / picture.shape[0])
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    # Colours were multiplied before: what cannot be seen must not bleed into the rim.
    picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    pixels = numpy.rint(picture).astype(numpy.uint8)
    return Stamp(pixels[..., :3].copy(), pixels[..., 3].copy())
