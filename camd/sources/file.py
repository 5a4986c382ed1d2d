"""A video file as a camera: played in real time, again and again."""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from ..errors import SourceError
from ..hookspecs import hookimpl
from ..media.frame import Format, Frame, Packet
from ..media.source import Capabilities, Mode, Source, SourceSettings
from ..state.spec import Value

if TYPE_CHECKING:
    import numpy

_USUAL_RATE = 25.0  #: for files that do not tell theirs
_LONGEST_GAP = 1.0  #: between two pictures, seconds: more is a jump of the file's clock, not a pause
_LONGEST_LAG = 0.25  #: behind real time, seconds: more is not caught up with
_START_OF_IMAGE = b"\xff\xd8"  #: the first bytes of every JPEG


@hookimpl
def camd_sources() -> dict[str, Callable[[str], Source]]:
    return {"file": FileSource}


class FileSource:
    """A Source that plays a file; scheme "file", address: its path.

    Any container and codec that FFmpeg knows. Pictures come decoded, with the colours that the file
    declares (BT.601 where it declares none, as FFmpeg has it) and turned upright; only a file of
    whole JPEGs is handed on undecoded, unless the settings ask for another size. A lower rate than
    the file's leaves pictures out, a higher one cannot be had.

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
        self._pictures: Iterator[tuple[float, Any]] | None = None
        self._next: tuple[float, Any] | None = None
        self._start: float | None = None
        self._dropped = 0

    def probe(self) -> Capabilities:
        self.present()
        facts = _examine(self._path)
        mode = Mode("mjpeg" if facts.whole_jpegs else "bgr", facts.width, facts.height, (facts.fps,))
        return Capabilities(os.path.basename(self._path), (mode,))

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
        untouched = facts.whole_jpegs and (width, height) == (facts.width, facts.height)
        codec = "mjpeg" if untouched and settings.codec in (None, "mjpeg") else "bgr"
        format = Format(codec, width, height, fps)
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
        position, picture = self._next
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
            return Packet(picture, "mjpeg", due, wall, now)
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

    def _count(self, clip: _Clip) -> None:
        self._dropped += clip.damaged
        clip.damaged = 0

    def _play(self, facts: _Facts, format: Format) -> Iterator[tuple[float, Any]]:
        """Endlessly (position in seconds, picture): positions start at 0 and always grow.

        A picture is an image, or bytes for the codec "mjpeg". Positions follow the file's own
        times; where these are missing, repeat or jump, pictures come at the usual rate.
        """
        render = bytes if format.codec == "mjpeg" else _Renderer(format.width, format.height)
        period = 1 / facts.fps
        position = -period
        slot = 0.0  # where the next picture is wanted, if the rate is lower than the file's
        while True:
            with _Clip(self._path) as clip:
                if clip.codec != facts.codec:
                    raise SourceError(f"video file {self._path} has been replaced by another kind of file")
                previous = None
                played = False
                for item in clip.packets() if format.codec == "mjpeg" else clip.frames():
                    now = None if item.pts is None else float(item.pts * item.time_base)
                    step = period if now is None or previous is None else now - previous
                    position += step if 0 < step <= max(_LONGEST_GAP, period) else period
                    previous, played = now, True
                    self._count(clip)
                    if position + period / 2 >= slot:
                        yield position, render(item)
                        slot = max(slot, position - 1 / format.fps) + 1 / format.fps
                self._count(clip)
                if not played:
                    raise _undecodable(self._path)


@dataclass(frozen=True, slots=True)
class _Facts:
    """What a file holds: size as shown (upright), pictures a second, and whether it is plain JPEGs."""

    codec: str
    width: int
    height: int
    fps: float
    whole_jpegs: bool


class _Clip:
    """One pass through a file. damaged: pictures that could not be decoded, until taken."""

    def __init__(self, path: str):
        import av

        self.damaged = 0
        self._path = path
        try:
            # A playlist must not lead the daemon to the network, hence files only.
            self._container = av.open(f"file:{path}", options={"protocol_whitelist": "file"})
        except (av.FFmpegError, OSError) as error:
            state = "absent" if isinstance(error, FileNotFoundError) else "backoff"
            hint = "is it a complete video?" if isinstance(error, av.InvalidDataError) else "check the file"
            text = f"video file {path} cannot be opened: {_reason(error)}; {hint}"
            raise SourceError(text, state) from None
        if not self._container.streams.video:
            self._container.close()
            raise SourceError(f"{path} holds no moving pictures: give camd another file")
        self._stream = self._container.streams.video[0]
        self.codec = self._stream.codec_context.name
        rate = float(self._stream.average_rate or self._stream.guessed_rate or 0)
        self.fps = rate if 0 < rate <= 240 else _USUAL_RATE

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._container.close()

    def packets(self) -> Iterator[Any]:
        """The JPEGs of a file of such, undecoded; what is none is left out."""
        for packet in self._packets():
            if packet.is_corrupt or bytes(memoryview(packet)[:2]) != _START_OF_IMAGE:
                self.damaged += 1
            else:
                yield packet

    def frames(self) -> Iterator[Any]:
        """Decoded pictures in order of time; damaged ones are left out."""
        for packet in self._packets(flush=True):
            yield from self._decode(packet)

    def _packets(self, flush: bool = False) -> Iterator[Any]:
        import av

        try:
            for packet in self._container.demux(self._stream):
                if packet.size or flush:
                    yield packet
        except av.FFmpegError as error:
            raise SourceError(f"video file {self._path} cannot be read: {_reason(error)}") from None

    def _decode(self, packet: Any) -> list[Any]:
        import av

        try:
            return packet.decode()
        except av.FFmpegError:
            self.damaged += 1
            return []


class _Renderer:
    """Turns decoded pictures of FFmpeg into images (BGR, read-only) of one size."""

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


def _examine(path: str) -> _Facts:
    """Decode the beginning of a file; raises SourceError if that cannot be done."""
    with _Clip(path) as clip:
        packet = next(clip.packets(), None) if clip.codec == "mjpeg" else None
        whole_jpegs = packet is not None and _is_whole_jpeg(bytes(packet))
    with _Clip(path) as clip:
        frame = next(clip.frames(), None)
        if frame is None:
            raise _undecodable(path)
        upright = frame.rotation % 180 == 0
        width, height = (frame.width, frame.height) if upright else (frame.height, frame.width)
        return _Facts(clip.codec, width, height, clip.fps, whole_jpegs and frame.rotation == 0)


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


def _is_whole_jpeg(data: bytes) -> bool:
    """Whether a browser can show it as it is: AVI files may leave out the Huffman tables (DHT)."""
    return data.startswith(_START_OF_IMAGE) and b"\xff\xc4" in data[:data.find(b"\xff\xda")]


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
