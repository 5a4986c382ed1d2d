"""A video file as a camera: played in real time, again and again."""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ..errors import SourceError
from ..hookspecs import hookimpl
from ..media.frame import INTER, Format, Frame, Packet
from ..media.source import Capabilities, Mode, Source, SourceSettings
from ..state.spec import Value
from ..wire import jpeg
from .demuxer import Demuxer
from .renderer import Renderer

_USUAL_RATE = 25.0  #: for files that do not tell theirs
_LONGEST_GAP = 1.0  #: between two pictures, seconds: more is a jump of the file's clock, not a pause
_LONGEST_LAG = 0.25  #: behind real time, seconds: more is not caught up with
_LOOKED_AT = 60  #: pictures at the beginning that tell whether the order of a file is that of time


@hookimpl
def camd_sources() -> dict[str, Callable[[str], Source]]:
    return {"file": FileSource}


class FileSource:
    """A Source that plays a file; scheme "file", address: its path.

    Any container and codec that FFmpeg knows. Whole JPEGs, and H.264 and H.265 without pictures out of order,
    are handed on as they are, unless the settings ask for another size or codec. Else pictures come decoded,
    with the colours that the file declares (BT.601 where it declares none, as FFmpeg has it) and turned
    upright. A lower rate than the file's leaves pictures out, so H.264 and H.265 are decoded for it; a
    higher one cannot be had.

    A picture's pts is the moment of CLOCK_MONOTONIC at which it is due. The next picture is made
    ready before it is due, the first of the next round too, so the loop has no seam. A computer too
    slow for the file plays it slower.

    clock, wall, wait: time.monotonic, time.time and a sleep, replaceable for tests.
    """

    def __init__(
        self,
        address: str,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        wait: Callable[[float], object] | None = None,
    ):
        self._path = os.path.abspath(os.path.expanduser(address))
        self._clock, self._wall = clock, wall
        self._wait = wait or threading.Event().wait
        self._pictures: Iterator[tuple[float, Any, bool]] | None = None
        self._next: tuple[float, Any, bool] | None = None
        self._start: float | None = None
        self._codec = ""
        self._dropped = 0

    def probe(self) -> Capabilities:
        self.present()
        facts = _examine(self._path)
        codecs = (facts.codec, "bgr") if facts.passable else ("bgr",)
        modes = tuple(Mode(codec, facts.width, facts.height, (facts.fps,)) for codec in codecs)
        return Capabilities(os.path.basename(self._path), modes)

    def present(self) -> None:
        try:
            status = os.stat(self._path)
        except OSError as error:
            raise SourceError(f"video file {self._path}: {error.strerror}", "absent") from None
        if not stat.S_ISREG(status.st_mode):
            raise SourceError(f"{self._path} is no video file but a directory or device", "absent")
        if not os.access(self._path, os.R_OK):
            raise SourceError(f"video file {self._path} may not be read: give camd's user access", "absent")

    def open(self, settings: SourceSettings) -> Format:
        self.close()
        self.present()
        facts = _examine(self._path)
        width, height = _wished_size(settings, facts)
        fps = min(settings.fps or facts.fps, facts.fps)
        untouched = facts.passable and (width, height) == (facts.width, facts.height)
        untouched = untouched and settings.codec in (None, facts.codec)
        if facts.codec in INTER and fps < facts.fps:
            untouched = False
        format = Format(facts.codec if untouched else "bgr", width, height, fps)
        self._codec = format.codec
        self._pictures = self._play(facts, format)
        self._dropped = 0
        return format

    def read(self, timeout: float) -> Frame | Packet | None:
        if self._pictures is None:
            raise SourceError(f"video file {self._path} is not open")
        deadline = self._clock() + timeout
        if self._next is None:
            try:
                self._next = next(self._pictures)
            except SourceError:
                self.close()
                raise
        position, picture, keyframe = self._next
        now = self._clock()
        if self._start is None or now - self._start - position > _LONGEST_LAG:
            self._start = now - position
        due = self._start + position
        if due > deadline:
            self._wait(max(0.0, deadline - now))
            return None
        if due > now:
            self._wait(due - now)
            now = self._clock()
        self._next = None
        wall = self._wall() - (now - due)
        if isinstance(picture, bytes):
            return Packet(picture, self._codec, due, wall, now, keyframe)
        return Frame(picture, due, wall, now)

    def set(self, name: str, value: Value) -> Value:
        raise SourceError(f"a video file has no control {name!r}")

    def close(self) -> None:
        if self._pictures is not None:
            self._pictures.close()
        self._pictures = self._next = self._start = None

    def dropped(self) -> int:
        """Pictures of the file that could not be decoded."""
        return self._dropped

    def _count(self, clip: Demuxer) -> None:
        self._dropped += clip.damaged
        clip.damaged = 0

    def _play(self, facts: _Facts, format: Format) -> Iterator[tuple[float, Any, bool]]:
        """Endlessly (position in seconds, picture, keyframe): positions start at 0 and always grow.

        A picture is an image, or bytes unless the codec is "bgr". Positions follow the file's own
        times; where these are missing, repeat or jump, pictures come at the usual rate.
        """
        decoded = format.codec == "bgr"
        render = Renderer(format.width, format.height) if decoded else bytes
        period = 1 / facts.fps
        position = -period
        slot = 0.0  # where the next picture is wanted, if the rate is lower than the file's
        while True:
            with _clip(self._path) as clip:
                if clip.codec != facts.codec:
                    raise SourceError(f"video file {self._path} has been replaced by another kind of file")
                previous = None
                played = False
                for unit in clip.frames() if decoded else clip.packets():
                    now = unit.position
                    step = period if now is None or previous is None else now - previous
                    position += step if 0 < step <= max(_LONGEST_GAP, period) else period
                    previous, played = now, True
                    self._count(clip)
                    if position + period / 2 >= slot:
                        yield position, render(unit.content), unit.keyframe
                        slot = max(slot, position - 1 / format.fps) + 1 / format.fps
                self._count(clip)
                if not played:
                    raise _undecodable(self._path)


@dataclass(frozen=True, slots=True)
class _Facts:
    """What a file holds: FFmpeg's name of the codec, size as shown (upright), pictures a second, and whether
    others can do with it as it is."""

    codec: str
    width: int
    height: int
    fps: float
    passable: bool


def _clip(path: str) -> Demuxer:
    """One pass through a file. A playlist must not lead the daemon to the network, hence files only."""

    def fail(error: Exception | str, started: bool = False) -> SourceError:
        import av

        if isinstance(error, str):
            return SourceError(f"{path} {error}: give camd another file")
        state = "absent" if isinstance(error, FileNotFoundError) else "backoff"
        hint = "is it a complete video?" if isinstance(error, av.InvalidDataError) else "check the file"
        reason = getattr(error, "strerror", None) or str(error)
        return SourceError(f"video file {path} cannot be read: {reason}; {hint}", state)

    return Demuxer(f"file:{path}", {"protocol_whitelist": "file"}, fail)


def _examine(path: str) -> _Facts:
    """Look at the beginning of a file; raises SourceError if nothing in it can be decoded."""
    with _clip(path) as clip:
        passable = clip.passable and _is_fit(clip)
    with _clip(path) as clip:
        unit = next(clip.frames(), None)
        if unit is None:
            raise _undecodable(path)
        frame = unit.content
        upright = frame.rotation % 180 == 0
        width, height = (frame.width, frame.height) if upright else (frame.height, frame.width)
        return _Facts(clip.codec, width, height, clip.fps, passable and frame.rotation == 0)


def _is_fit(clip: Demuxer) -> bool:
    """Whether the first packets are whole JPEGs, or come in the order in which they are shown."""
    units = list(islice(clip.packets(), 1 if clip.codec == "mjpeg" else _LOOKED_AT))
    if clip.codec == "mjpeg":
        return bool(units) and jpeg.is_whole(units[0].content)
    times = [unit.position for unit in units if unit.position is not None]
    return bool(units) and units[0].keyframe and times == sorted(times)


def _undecodable(path: str) -> SourceError:
    return SourceError(f"video file {path}: no picture could be decoded, the file is damaged")


def _wished_size(settings: SourceSettings, facts: _Facts) -> tuple[int, int]:
    """The size to deliver; where only one side is given, the other keeps the picture's shape."""
    width, height = settings.width, settings.height
    if width and height:
        return width, height
    if width:
        return width, max(2, round(width * facts.height / facts.width / 2) * 2)
    if height:
        return max(2, round(height * facts.width / facts.height / 2) * 2), height
    return facts.width, facts.height
