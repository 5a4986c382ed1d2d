"""Candidates: the H.264 encoders that this machine may have, tried with real pictures before one is used."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ..errors import CamdError
from ..media.frame import Frame
from ..media.rendition import VideoSettings
from .h264_codec import H264Codec

#: In the order of preference: what has hardware of its own first. PyAV's wheel has all of them, which says
#: nothing about the machine.
NAMES = ("h264_v4l2m2m", "h264_nvenc", "h264_qsv", "libx264")
#: An encoder that holds back more pictures than this adds delay that nobody asked for.
MOST_HELD = 0
_SIZE, _PICTURES = (320, 192), 5


class Candidates:
    """Tries the encoders when the first is needed, and remembers. Any thread of the encode pool.

    tried(verdicts) hears, in that thread, of name -> "works" or the reason why not.
    """

    def __init__(self, tried: Callable[[dict[str, str]], None] = lambda verdicts: None, names: tuple[str, ...] = NAMES):
        self._tried = tried
        self._names = names
        self._verdicts: dict[str, str] = {}
        self._lock = threading.Lock()

    @property
    def best(self) -> str:
        """The first one that works; raises CamdError if there is none. Blocks for the trial of all."""
        with self._lock:
            if not self._verdicts:
                self._verdicts = {name: trial(name) for name in self._names}
                self._tried(dict(self._verdicts))
        for name, verdict in self._verdicts.items():
            if verdict == "works":
                return name
        raise CamdError("no H.264 encoder works on this machine: watch JPEG, or take a camera that gives H.264")


def trial(name: str) -> str:
    """Encode a few pictures; "works", or why that encoder is of no use. Blocks."""
    import numpy

    width, height = _SIZE
    codec = H264Codec(name, VideoSettings(bitrate=1_000_000))
    grey = numpy.linspace(0, 255, width * 3, dtype=numpy.uint8).reshape(width, 3)
    got = 0
    try:
        for number in range(_PICTURES):
            image = numpy.roll(numpy.broadcast_to(grey, (height, width, 3)), number * 8, axis=1)
            packet = codec.encode(Frame(numpy.ascontiguousarray(image), number / 30, 0.0, 0.0), keyframe=number == 3)
            if packet is not None:
                if packet.keyframe != (got in (0, 3)):
                    return "gives key frames when it likes"
                got += 1
    except CamdError as error:
        return str(error)
    finally:
        codec.close()
    return "works" if _PICTURES - got <= MOST_HELD else f"holds back {_PICTURES - got} pictures"
