"""Ring: the last seconds of a coded video and its sound in memory, for recordings that begin before their
reason. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from ..media.frame import SOUND, Packet

#: More than this is not kept, however many seconds were asked for (bytes).
MOST_BYTES = 32 * 1024 * 1024


class Ring:
    """Packets since a key frame, at least `seconds` of them as far as they are there and fit into `most`
    bytes."""

    def __init__(self, seconds: float, most: int = MOST_BYTES):
        self.seconds = seconds
        self.bytes = 0
        self._most = most
        self._groups: deque[list[Packet]] = deque()

    def __iter__(self) -> Iterator[Packet]:
        return (packet for group in self._groups for packet in group)

    def add(self, packet: Packet) -> None:
        if packet.keyframe and packet.codec not in SOUND:
            self._groups.append([])
        elif not self._groups:
            return
        self._groups[-1].append(packet)
        self.bytes += len(packet.data)
        while len(self._groups) > 1 and self._groups[1][0].pts <= packet.pts - self.seconds:
            self._drop()
        while self._groups and self.bytes > self._most:
            self._drop()

    def clear(self) -> None:
        self._groups.clear()
        self.bytes = 0

    def _drop(self) -> None:
        self.bytes -= sum(len(packet.data) for packet in self._groups.popleft())
