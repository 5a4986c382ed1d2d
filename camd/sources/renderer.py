"""Renderer: decoded pictures of FFmpeg as images of one size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy


class Renderer:
    """Turns what PyAV decoded into images (BGR, upright, read-only) of width x height."""

    def __init__(self, width: int, height: int):
        from av.video.reformatter import VideoReformatter

        self._size = width, height
        self._reformatter = VideoReformatter()

    def __call__(self, frame: Any) -> numpy.ndarray:
        quarters = round(frame.rotation / 90) % 4  # counter-clockwise
        width, height = self._size if quarters % 2 == 0 else self._size[::-1]
        # FFmpeg knows matrix and range of its frame; one thread, for the cores have other work too.
        image = self._reformatter.reformat(frame, width, height, "bgr24", threads=1).to_ndarray()
        if quarters:
            import cv2

            turns = (None, cv2.ROTATE_90_COUNTERCLOCKWISE, cv2.ROTATE_180, cv2.ROTATE_90_CLOCKWISE)
            image = cv2.rotate(image, turns[quarters])
        image.flags.writeable = False
        return image
