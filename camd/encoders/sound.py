"""SoundEncoder: AAC and Opus by PyAV; blocks, for the encode pool."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import Any

from ..errors import CamdError
from ..hookspecs import hookimpl
from ..media.frame import Packet
from ..media.sound import RATE, SAMPLE, SAMPLES

#: FFmpeg's encoder of each codec, the samples that it takes, bits a second, and its own options.
_CODECS: dict[str, tuple[str, str, int, dict[str, str]]] = {
    "aac": ("aac", "fltp", 64_000, {}),
    "opus": ("libopus", "s16", 48_000, {"application": "lowdelay", "frame_duration": "20"}),
}


@hookimpl
def camd_encoders() -> dict[str, Callable[..., Any]]:
    return {codec: partial(SoundEncoder, codec) for codec in _CODECS}


class SoundEncoder:
    """Makes Packets of "aac" or "opus" of blocks of any length, in their order. One thread at a time.

    The encoder works on samples that it got earlier (its priming): a packet has the time of the sound in it, not
    of the block that completed it. No two clocks are the same, and players hear it if packets do not follow each
    other to the sample: so they do, until they are half a packet off the clock of the blocks. Then comes a gap, or
    a packet is left out.
    """

    def __init__(self, codec: str):
        self._codec = codec
        self._context: Any = None
        self._left = b""  # samples that do not fill a packet yet
        self._taken = 0  # samples that the encoder has
        self._blocks: deque[tuple[int, Packet]] = deque()  # with the number of the first sample
        self._end: int | None = None  # of the packet before, in samples on the clock of the blocks

    def encode(self, block: Packet) -> list[Packet]:
        """The packets that this block completes. Raises CamdError if there is no such encoder."""
        import av

        samples = self._left + block.data
        size = SAMPLES[self._codec]
        whole = len(samples) // (size * SAMPLE)
        packets = []
        try:
            if self._context is None:
                self._context = self._make()
            self._blocks.append((self._taken + len(self._left) // SAMPLE, block))
            self._left = samples[whole * size * SAMPLE :]
            for number in range(whole):
                frame = av.AudioFrame(format="s16", layout="mono", samples=size)
                frame.planes[0].update(samples[number * size * SAMPLE : (number + 1) * size * SAMPLE])
                frame.sample_rate, frame.pts, frame.time_base = RATE, self._taken, Fraction(1, RATE)
                self._taken += size
                packets += [packet for coded in self._context.encode(frame) if (packet := self._packet(coded))]
        except (av.FFmpegError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise CamdError(f"sound cannot be coded as {self._codec}: {reason}") from None
        return packets

    def _packet(self, coded: Any) -> Packet | None:
        """None for one that is left out."""
        while len(self._blocks) > 1 and self._blocks[1][0] <= coded.pts:
            self._blocks.popleft()
        first, block = self._blocks[0]
        size = SAMPLES[self._codec]
        begin = round(block.pts * RATE) + coded.pts - first
        if self._end is not None and abs(begin - self._end) <= size // 2:
            begin = self._end
        elif self._end is not None and begin < self._end:
            return None
        self._end = begin + size
        later = begin / RATE - block.pts
        return Packet(bytes(coded), self._codec, block.pts + later, block.wall + later, block.grabbed)

    def _make(self) -> Any:
        import av

        name, samples, bitrate, options = _CODECS[self._codec]
        context = av.CodecContext.create(name, "w")
        context.sample_rate, context.layout, context.format = RATE, "mono", samples
        context.time_base = Fraction(1, RATE)
        context.bit_rate = bitrate
        context.options = options
        context.thread_count = 1
        return context
