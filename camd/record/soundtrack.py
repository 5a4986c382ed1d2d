"""Soundtrack: the sound of a camera for its recording, put in order with its pictures."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from ..errors import Unsupported
from ..media.camera import Camera
from ..media.frame import SOUND, Packet
from ..media.policy import KEEP_ITEMS, Gop
from ..media.stream import Stream, Subscription

#: The one waits for the other so long at most (seconds).
PATIENCE = 1.0


class Soundtrack:
    """Packets of pictures and of sound, given on in the order of their times, so that a file can end between
    two of either. Sound comes a little later than the pictures of the same moment: they wait for it. Without
    sound pictures go on at once. Reactor thread only.

    take(packet): where they go. is_on: there is sound.
    """

    def __init__(self, camera: Camera, take: Callable[[Packet], None]):
        self._camera = camera
        self._take = take
        self._source: Stream | None = None
        self._subscription: Subscription | None = None
        self._pictures: deque[Packet] = deque()
        self._sounds: deque[Packet] = deque()
        self._newest = float("-inf")

    @property
    def is_on(self) -> bool:
        return self._subscription is not None

    def listen(self, wanted: bool) -> None:
        """Hear what there is to be heard of the camera now, or nothing."""
        source = _sound_of(self._camera) if wanted else None
        if source is self._source:
            return
        old, self._source, self._subscription = self._subscription, source, None
        if source is not None:
            self._subscription = source.subscribe(self.add, Gop(KEEP_ITEMS), kind="recording")
        if old is not None:
            old.close()
        if source is None:
            self.flush()

    def pauseProducing(self) -> None:
        if self._subscription is not None:
            self._subscription.pauseProducing()

    def resumeProducing(self) -> None:
        if self._subscription is not None:
            self._subscription.resumeProducing()

    def add(self, packet: Packet) -> None:
        """The next packet of either."""
        if not self.is_on:
            self._take(packet)
            return
        (self._sounds if packet.codec in SOUND else self._pictures).append(packet)
        self._newest = max(self._newest, packet.pts)
        while (following := self._next()) is not None:
            self._take(following)

    def flush(self) -> None:
        """What comes next does not follow what waits."""
        waiting = sorted((*self._pictures, *self._sounds), key=lambda packet: packet.pts)
        self._pictures.clear()
        self._sounds.clear()
        self._newest = float("-inf")
        for packet in waiting:
            self._take(packet)

    def _next(self) -> Packet | None:
        """What may go on now."""
        lines = [line for line in (self._pictures, self._sounds) if line]
        if not lines:
            return None
        first = min(lines, key=lambda line: line[0].pts)
        if len(lines) == 2 or self._newest - first[0].pts > PATIENCE:
            return first.popleft()
        return None


def _sound_of(camera: Camera) -> Stream | None:
    if camera.sound is None:
        return None
    try:
        return camera.sound.stream("aac")
    except Unsupported:  # there is no such encoder here
        return None
