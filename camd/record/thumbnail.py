"""A thumbnail: a key frame as it was recorded, and the small JPEG that is made of it. All of this blocks."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import Gone, Invalid
from ..wire import fmp4, jpeg
from ..wire.fmp4 import Run, Sample
from ..wire.track import Track
from .entries import Record
from .video import Video

#: Pixels; what is narrower stays as it is.
WIDTH = 320
QUALITY = 75
#: A picture is not larger (bytes).
_LARGEST = 64 << 20


@dataclass(frozen=True, slots=True)
class Still:
    """A picture as it lies in a file. time: milliseconds after its start; track: None for one JPEG."""

    time: int
    data: bytes
    track: Track | None = None


def find(path: Path, record: Record, at: int | None = None) -> Still:
    """The picture that stands for this moment (Unix milliseconds; None: for all of the recording): the last
    key frame until then. Raises Gone."""
    try:
        with path.open("rb") as file:
            if record.encoding != "mp4":
                return Still(0, file.read(_LARGEST))
            return _key_frame(Video(file), 0 if at is None else max(0, at - record.start))
    except (OSError, Invalid, LookupError):
        raise Gone("The file of this recording is missing, or has no picture yet") from None


def _key_frame(video: Video, after: int) -> Still:
    scale = video.track.timescale / 1000
    ticks = round(after * scale)
    pictures = video.pictures(video.before(ticks))
    keys = [one for one in pictures if one.keyframe]
    key = next((one for one in reversed(keys) if one.time <= ticks), keys[0])
    if key.size > _LARGEST:
        raise Invalid("", f"a picture of {key.size} bytes")
    data = video.read(key)
    if video.track.entry[4:8] == b"mp4v":
        return Still(round(key.time / scale), data)
    return Still(round(key.time / scale), data, video.track)


def draw(still: Still) -> bytes:
    """The JPEG of it, WIDTH wide at most. For the pool `encode`. Raises Gone if it cannot be decoded."""
    import cv2

    try:
        image = _unpacked(still.data) if still.track is None else _decoded(still.data, still.track)
        height, width = image.shape[:2]
        if width > WIDTH:
            size = (WIDTH, max(1, round(height * WIDTH / width)))
            image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        return bytes(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1])
    except (cv2.error, Invalid):
        raise Gone("The picture of this recording is damaged") from None


def _unpacked(data: bytes) -> Any:
    """Pixels of a JPEG, made as small as its own blocks allow, which saves most of the work."""
    import cv2
    import numpy

    width, _ = jpeg.size(data)
    flags = cv2.IMREAD_COLOR
    for factor, reduced in ((8, cv2.IMREAD_REDUCED_COLOR_8), (4, cv2.IMREAD_REDUCED_COLOR_4),
                            (2, cv2.IMREAD_REDUCED_COLOR_2)):  # fmt: skip
        if width >= WIDTH * factor:
            flags = reduced
            break
    image = cv2.imdecode(numpy.frombuffer(data, numpy.uint8), flags | cv2.IMREAD_IGNORE_ORIENTATION)
    if image is None:
        raise Invalid("", "a damaged JPEG")
    return image


def _decoded(data: bytes, track: Track) -> Any:
    """Pixels of a coded picture: FFmpeg is given a film that has nothing else."""
    import av

    film = fmp4.init_segment(track) + fmp4.fragment(1, Run(track, 0, [Sample((data,), track.timescale)]))
    try:
        with av.open(io.BytesIO(film), format="mp4") as container:
            container.streams.video[0].thread_count = 1
            return next(container.decode(video=0)).to_ndarray(format="bgr24")
    except (av.FFmpegError, StopIteration):
        raise Invalid("", "a damaged picture") from None
