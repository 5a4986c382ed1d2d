"""Motion-JPEG pictures for cameras that are not there: 1280x720, noisy, about 92 kB each."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from ..build import BUILD, BuildError

COUNT = 100
SIZE = (1280, 720)
TARGET_BYTES = 92_000


def make_frames(place: Path = BUILD / "frames") -> list[Path]:
    """Return the pictures in `place`, made first if they are not there. Needs ffmpeg, or cv2 and numpy.

    Noise keeps them from compressing better than a real room does. Raises BuildError.
    """
    if len(found := sorted(place.glob("*.jpg"))) >= COUNT:
        return found
    place.mkdir(parents=True, exist_ok=True)
    if shutil.which("ffmpeg"):
        _with_ffmpeg(place)
    else:
        _with_cv2(place)
    return sorted(place.glob("*.jpg"))


def make_video(place: Path = BUILD / "frames") -> Path:
    """The pictures in one file, untouched.

    A Matroska file that says 30 frames/s, if ffmpeg is there; else the pictures one behind the other, which
    demuxers play at their default of 25.
    """
    frames = make_frames(place)
    plain = shutil.which("ffmpeg") is None
    video = place.with_suffix(".mjpeg" if plain else ".mkv")
    if video.exists():
        return video
    fresh = video.with_stem(video.stem + "-part")
    if plain:
        fresh.write_bytes(b"".join(frame.read_bytes() for frame in frames))
    else:
        _ffmpeg("-framerate", "30", "-i", str(place / "%04d.jpg"), "-c", "copy", str(fresh))
    fresh.replace(video)
    return video


def make_h264() -> Path:
    """Twenty seconds of H.264 for an endless film: 1280x720, 30/s, 2 Mbit/s, a key frame every two seconds."""
    film = BUILD / "film.mp4"
    if not film.exists():
        BUILD.mkdir(parents=True, exist_ok=True)
        width, height = SIZE
        unfinished = film.with_name("unfinished.mp4")
        _ffmpeg("-f", "lavfi", "-i", f"testsrc2=s={width}x{height}:r=30", "-vf", "noise=alls=8:allf=t,format=yuv420p",
                "-t", "20", "-c:v", "libx264", "-preset", "superfast", "-tune", "zerolatency", "-b:v", "2000k",
                "-maxrate", "2000k", "-bufsize", "1000k", "-g", "60", str(unfinished))
        unfinished.rename(film)
    return film


def make_annexb() -> Path:
    """The same film as a camera gives it: access units one behind the other."""
    plain = BUILD / "film.h264"
    if not plain.exists():
        unfinished = plain.with_name("unfinished.h264")
        _ffmpeg("-i", str(make_h264()), "-c", "copy", "-bsf:v", "h264_mp4toannexb", str(unfinished))
        unfinished.rename(plain)
    return plain


def _with_ffmpeg(place: Path) -> None:
    width, height = SIZE
    _ffmpeg("-f", "lavfi", "-i", f"testsrc2=s={width}x{height}:r=30",
            "-vf", "noise=alls=10:allf=t,format=yuvj420p", "-frames:v", str(COUNT),
            "-c:v", "mjpeg", "-q:v", "6", str(place / "%04d.jpg"))


def _ffmpeg(*arguments: str) -> None:
    result = subprocess.run(["ffmpeg", "-v", "error", "-y", *arguments], capture_output=True, text=True, check=False)
    if result.returncode:
        raise BuildError(f"ffmpeg could not make the pictures: {result.stderr.strip()}")


def _with_cv2(place: Path) -> None:
    try:
        import cv2
        import numpy
    except ImportError:
        raise BuildError("pictures for the camera need ffmpeg (apt install ffmpeg) or cv2 and numpy") from None
    width, height = SIZE
    random = numpy.random.default_rng(1)
    ramp = numpy.linspace(0, 255, width, dtype=numpy.uint8)
    picture = numpy.dstack([numpy.tile(numpy.roll(ramp, shift), (height, 1)) for shift in (0, 400, 800)])
    quality = 80
    for number in range(1, COUNT + 1):
        moved = numpy.roll(picture, 4 * number, axis=1).astype(numpy.int16)
        noisy = (moved + random.integers(-10, 11, moved.shape, dtype=numpy.int16)).clip(0, 255)
        data = cv2.imencode(".jpg", noisy.astype(numpy.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        (place / f"{number:04d}.jpg").write_bytes(data.tobytes())
        quality += (len(data) < TARGET_BYTES) - (len(data) > TARGET_BYTES)
