"""Orientation: a picture turned by quarters and mirrored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .ranges import check_choice

if TYPE_CHECKING:
    import numpy

ROTATIONS = (0, 90, 180, 270)
FLIPS = ("none", "horizontal", "vertical", "both")


@dataclass(frozen=True, slots=True)
class Orientation:
    """rotate: degrees clockwise, one of ROTATIONS; then flip, one of FLIPS: "horizontal" exchanges left
    and right. Raises Invalid."""

    rotate: int = 0
    flip: str = "none"

    def __post_init__(self) -> None:
        check_choice("rotate", self.rotate, ROTATIONS)
        check_choice("flip", self.flip, FLIPS)

    @property
    def reasons(self) -> tuple[str, ...]:
        if self._moves == (False, False, False):  # half a turn and both flips undo each other
            return ()
        return ("rotated",) * (self.rotate != 0) + ("flipped",) * (self.flip != "none")

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of such a picture afterwards."""
        return (height, width) if self.rotate in (90, 270) else (width, height)

    def apply(self, image: numpy.ndarray) -> numpy.ndarray:
        """A new picture, or this very one if nothing moves."""
        import cv2

        transposed, across, down = self._moves
        if transposed:
            image = cv2.transpose(image)
        if across or down:
            image = cv2.flip(image, -1 if across and down else int(across))
        return image

    @property
    def _moves(self) -> tuple[bool, bool, bool]:
        """Whether to exchange rows and columns, and then to mirror across and down: all eight cases are
        one or two passes over the picture, whatever was asked for."""
        across = (self.rotate in (90, 180)) != (self.flip in ("horizontal", "both"))
        down = (self.rotate in (180, 270)) != (self.flip in ("vertical", "both"))
        return self.rotate in (90, 270), across, down
