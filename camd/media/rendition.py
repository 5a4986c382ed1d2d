"""Rendition: one of the sizes and rates in which a camera can be watched, made on demand."""

from __future__ import annotations

from dataclasses import dataclass, field

#: The names of the renditions; the first is the camera's own.
RENDITIONS = ("main", "sub")


@dataclass(frozen=True, slots=True)
class VideoSettings:
    """How video is encoded. bitrate: bit/s; key_interval: seconds between key frames; fps: 1/s, what the
    encoder plans with; preset and profile: in the words of x264 ("ultrafast", "baseline"); matrix: "bt709", or
    "bt601" for a camera's own pictures, which are encoded in their own colours."""

    bitrate: int = 2_000_000
    key_interval: float = 2.0
    preset: str = "ultrafast"
    profile: str = "baseline"
    fps: float = 30.0
    matrix: str = "bt709"


@dataclass(frozen=True, slots=True)
class Rendition:
    """size: a box in pixels into which the picture is fitted, never enlarged; None: as it is.
    fps: at most so many pictures a second; None: all. quality: of JPEG, 1..100; None: the camera's."""

    name: str = "main"
    size: tuple[int, int] | None = None
    fps: float | None = None
    quality: int | None = None
    video: VideoSettings = field(default_factory=VideoSettings)


def fitted(width: int, height: int, box: tuple[int, int] | None) -> tuple[int, int]:
    """The size of a picture fitted into a box: its shape kept, never enlarged, both sides even."""
    if box is None or (width <= box[0] and height <= box[1]):
        return width, height
    scale = min(box[0] / width, box[1] / height)
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)
