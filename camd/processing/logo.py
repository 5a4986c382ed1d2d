"""The logo's file: a PNG, read once, looked at before it is unpacked."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import Invalid

if TYPE_CHECKING:
    import numpy

MOST_BYTES = 1 << 20
LONGEST_SIDE = 2048
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def load(path: str) -> numpy.ndarray:
    """The picture (uint8, height x width x 4, BGRA) in a PNG file of at most MOST_BYTES and LONGEST_SIDE.

    Blocks, and imports OpenCV: not for the reactor thread. Raises Invalid with the reason.
    """
    data = _read(path)
    if not data.startswith(_SIGNATURE) or data[12:16] != b"IHDR" or len(data) < 33:
        raise Invalid("logo", f"{path} is no PNG file")
    width, height = struct.unpack(">II", data[16:24])
    if not (0 < width <= LONGEST_SIDE and 0 < height <= LONGEST_SIDE):
        raise Invalid("logo", f"{path} has {width}x{height} pixels, at most {LONGEST_SIDE} each way are taken")
    if b"IEND" not in data[-12:]:
        raise Invalid("logo", f"{path} is damaged: its end is missing")
    return _unpack(data, path)


def _read(path: str) -> bytes:
    try:
        if not Path(path).is_file():  # never a device or a pipe, which could block for ever
            raise Invalid("logo", f"{path} is no file")
        with Path(path).open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise Invalid("logo", f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(data) > MOST_BYTES:
        raise Invalid("logo", f"{path} has more than {MOST_BYTES >> 20} MB")
    return data


def _unpack(data: bytes, path: str) -> numpy.ndarray:
    import cv2
    import numpy

    try:
        image = cv2.imdecode(numpy.frombuffer(data, numpy.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        image = None
    if image is None:
        raise Invalid("logo", f"{path} is damaged: it cannot be unpacked")
    if image.dtype == numpy.uint16:
        image = (image >> 8).astype(numpy.uint8)
    if image.ndim == 2:
        return cv2.cvtColor(image, cv2.COLOR_GRAY2BGRA)
    return image if image.shape[2] == 4 else cv2.cvtColor(image, cv2.COLOR_BGR2BGRA)
