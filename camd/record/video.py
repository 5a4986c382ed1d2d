"""Video: one recorded file, looked into without decoding anything. All of this blocks."""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property
from typing import BinaryIO

from ..errors import Invalid
from ..wire.boxes import Box, children, fragments, whole_end
from ..wire.samples import StoredSample, samples, timescales
from ..wire.track import Track

#: Index boxes are not larger (bytes).
_LARGEST_HEAD = 1 << 20


class Video:
    """A file that is open for reading. track: that of its pictures; sound: that of its sound, None without;
    head: bytes of its description. Raises Invalid if it has none, and when something in it is not whole."""

    def __init__(self, file: BinaryIO):
        self.file = file
        file.seek(0)
        begin = file.read(_LARGEST_HEAD)
        self.head = whole_head(begin)
        try:
            tracks = _tracks(file, begin[: self.head])
            self.track = tracks[0]
        except (KeyError, IndexError):
            raise Invalid("", "a file without a description") from None
        self.sound = next((track for track in tracks[1:] if not track.is_video), None)

    @cached_property
    def places(self) -> list[tuple[Box, Box]]:
        """Its whole fragments."""
        return list(fragments(self.file, 0, whole_end(self.file)))

    def pictures(self, number: int) -> list[StoredSample]:
        """Those of a fragment."""
        found = samples(self.file, *self.places[number])
        return [sample for sample in found if sample.track == self.track.number]

    def sounds(self, number: int) -> list[StoredSample]:
        """Packets of sound of a fragment."""
        if self.sound is None:
            return []
        found = samples(self.file, *self.places[number])
        return [sample for sample in found if sample.track == self.sound.number]

    def before(self, ticks: int) -> int:
        """The fragment with the last key frame at or before this time, or the first one. Raises Invalid."""
        numbers = range(len(self.places))
        number = max(0, bisect_right(numbers, ticks, key=self._begin) - 1)
        while number > 0 and not any(one.keyframe and one.time <= ticks for one in self.pictures(number)):
            number -= 1
        return number

    def some(self, number: int) -> list[StoredSample]:
        """The pictures of a fragment, one at least. Raises Invalid."""
        found = self.pictures(number)
        if not found:
            raise Invalid("", f"a fragment without a picture at byte {self.places[number][0].offset}")
        return found

    def _begin(self, number: int) -> int:
        return self.some(number)[0].time

    def read(self, sample: StoredSample) -> bytes:
        """The bytes of a picture, or of a packet of sound. Raises Invalid if the file has become shorter."""
        self.file.seek(sample.offset)
        data = self.file.read(sample.size)
        if len(data) < sample.size:
            raise Invalid("", f"a file that ends at byte {sample.offset + len(data)}")
        return data


def _tracks(file: BinaryIO, head: bytes) -> list[Track]:
    """Those of a file, that of pictures first."""
    moov = dict(children(head))[b"moov"]
    boxes = [part for kind, part in children(moov) if kind == b"trak"]
    return [_track(part, *numbers) for part, numbers in zip(boxes, timescales(file).items(), strict=False)]


def _track(box: memoryview, number: int, scale: int) -> Track:
    content = dict(children(box))
    header = content[b"tkhd"]
    width, height = (int.from_bytes(header[n : n + 2], "big") for n in (88, 92))
    table = dict(children(dict(children(dict(children(content[b"mdia"]))[b"minf"]))[b"stbl"]))[b"stsd"]
    return Track("", scale, bytes(table[8:]), width, height, number)


def whole_head(head: bytes) -> int:
    """Where the first two boxes end: "ftyp" and "moov"."""
    first = int.from_bytes(head[:4], "big")
    return first + int.from_bytes(head[first : first + 4], "big")
