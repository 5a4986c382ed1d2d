"""The logo's file: a PNG, read and checked once."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from twisted.logger import Logger

from ..errors import Invalid

if TYPE_CHECKING:
    import numpy

NAME = "overlay/logo"
MOST_BYTES = 1 << 20
LONGEST_SIDE = 2048
_SIGNATURE = b"\x89PNG\r\n\x1a\n"

_log = Logger()


def read(path: str) -> bytes:
    """The bytes of a whole and undamaged PNG file of at most MOST_BYTES and LONGEST_SIDE, or Invalid.

    Looks at the chunks and their sums only (PNG, ISO/IEC 15948, 5.3): at most 2 ms and no OpenCV.
    """
    data = _bytes_of(path)
    if not data.startswith(_SIGNATURE) or data[12:16] != b"IHDR" or len(data) < 33:
        raise Invalid(NAME, f"{path} is no PNG file")
    width, height = struct.unpack(">II", data[16:24])
    if not (0 < width <= LONGEST_SIDE and 0 < height <= LONGEST_SIDE):
        raise Invalid(NAME, f"{path} has {width}x{height} pixels, at most {LONGEST_SIDE} each way are taken")
    _check_chunks(data, path)
    return data


def unpack(data: bytes) -> numpy.ndarray:
    """The picture in it: uint8, height x width x 4, BGRA; blocks. Of what OpenCV does not take after all,
    nothing is shown, and the log says so."""
    import cv2
    import numpy

    image = cv2.imdecode(numpy.frombuffer(data, numpy.uint8), cv2.IMREAD_UNCHANGED)
    if image is None:
        _log.warn("the logo cannot be unpacked and is not shown: save it as a plain PNG")
        return numpy.zeros((1, 1, 4), numpy.uint8)
    if image.dtype == numpy.uint16:
        image = (image >> 8).astype(numpy.uint8)
    if image.ndim == 2:
        return cv2.cvtColor(image, cv2.COLOR_GRAY2BGRA)
    return image if image.shape[2] == 4 else cv2.cvtColor(image, cv2.COLOR_BGR2BGRA)


def _bytes_of(path: str) -> bytes:
    try:
        if not Path(path).is_file():  # never a device or a pipe, which could block for ever
            raise Invalid(NAME, f"{path} is no file")
        with Path(path).open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise Invalid(NAME, f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(data) > MOST_BYTES:
        raise Invalid(NAME, f"{path} has more than {MOST_BYTES >> 20} MB")
    return data


def _check_chunks(data: bytes, path: str) -> None:
    at, kind = len(_SIGNATURE), b""
    while kind != b"IEND":
        head = data[at:at + 8]
        length = int.from_bytes(head[:4], "big")
        kind, end = head[4:], at + 8 + length
        if len(head) < 8 or end + 4 > len(data):
            raise Invalid(NAME, f"{path} is damaged: its end is missing")
        if zlib.crc32(data[at + 4:end]) != int.from_bytes(data[end:end + 4], "big"):
            raise Invalid(NAME, f"{path} is damaged: the sum of a part is wrong")
        at = end + 4
