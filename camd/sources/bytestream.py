"""ByteStream: H.264 and H.265 out of any container, as camd hands them on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..errors import Invalid
from ..wire import h264, h265, nal
from .trouble import changed

_START_CODES = (b"\0\0\1", b"\0\0\0\1")
_AUD = {"h264": nal.H264_AUD, "hevc": nal.HEVC_AUD}
_SPS = {"h264": nal.H264_SPS, "hevc": nal.HEVC_SPS}


class ByteStream:
    """Makes Annex B of packets, with the parameter sets before every key frame.

    Containers for files keep lengths instead of start codes, and the parameter sets apart from the pictures;
    some cameras say the sets once, in their session description. Raises SourceError when a key frame brings
    another size or profile.
    """

    def __init__(self, stream: Any, codec: str):
        self._codec = codec
        self._filter = None
        self._sets: tuple[bytes, ...] = ()
        extradata = stream.codec_context.extradata or b""
        if extradata.startswith(_START_CODES):
            self._sets = nal.parameter_sets(extradata, codec)
        elif extradata:
            from av.bitstream import BitStreamFilterContext

            self._filter = BitStreamFilterContext(f"{codec}_mp4toannexb", stream)

    def __call__(self, packet: Any) -> Iterator[tuple[bytes, bool]]:
        """Access unit and whether decoding can begin with it."""
        for each in (packet,) if self._filter is None else self._filter.filter(packet):
            data = bytes(each)
            keyframe = each.is_keyframe
            yield (self._complete(data) if keyframe else data), keyframe

    def _complete(self, data: bytes) -> bytes:
        sets = nal.parameter_sets(data, self._codec)
        present = {nal.kind(unit, self._codec) for unit in sets}
        missing = [unit for unit in self._sets if nal.kind(unit, self._codec) not in present]
        if sets and sets != self._sets:
            self._compare(sets)
            self._sets = tuple(sorted([*sets, *missing], key=lambda unit: nal.kind(unit, self._codec)))
        return self._insert(data) if missing else data

    def _insert(self, data: bytes) -> bytes:
        """All of the sets, for each refers to those before it; an access unit delimiter stays in front."""
        units = nal.split(data)
        after = 1 if units and nal.kind(units[0], self._codec) == _AUD[self._codec] else 0
        return nal.annex_b([*units[:after], *self._sets, *units[after:]])

    def _compare(self, sets: tuple[bytes, ...]) -> None:
        before, now = self._described(self._sets), self._described(sets)
        if before and now and before != now:
            raise changed(before[0], now[0])

    def _described(self, sets: tuple[bytes, ...]) -> tuple[str, int] | None:
        for unit in sets:
            if nal.kind(unit, self._codec) == _SPS[self._codec]:
                try:
                    said = h264.sequence(unit) if self._codec == "h264" else h265.sequence(unit)
                except Invalid:
                    return None
                return f"{said.width}x{said.height}", said.profile
        return None
