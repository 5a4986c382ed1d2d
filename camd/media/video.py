"""VideoStage: coded video of one rendition, passed through where the camera gives it, else encoded."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.defer import Deferred

from .frame import INTER, Frame, Packet
from .packed import PackedFrame
from .policy import History
from .rendition import VideoSettings
from .stage import Stage
from .stream import Stream

if TYPE_CHECKING:
    from ..threads import Threads

#: A key frame costs ten pictures' bits: at most one a second is made on demand.
KEYFRAME_EVERY = 1.0


class VideoEncoder(Protocol):
    """Makes packets of pictures of one size; blocks. Used by one thread at a time."""

    def encode(self, frame: Frame | PackedFrame, keyframe: bool) -> Packet | None:
        """The access unit of this picture; None if the encoder holds it back."""

    def close(self) -> None:
        """Let the encoder go; may be called twice."""


class Coder:
    """One run of encoding, in the encode pool: the encoder is made for the first picture, and anew
    whenever size or settings change, which is when a key frame is due anyway.

    Pictures that come as packets are the camera's, JPEG or raw, or cards; unpack makes frames of them.
    """

    def __init__(self, make: Callable[[VideoSettings], VideoEncoder], unpack: Callable[[Packet], PackedFrame]):
        self._make = make
        self._unpack = unpack
        self._encoder: VideoEncoder | None = None
        self._made_for: tuple[Any, ...] = ()
        self._lock = threading.Lock()
        self._closed = False

    def encode(self, item: Frame | Packet, settings: VideoSettings, keyframe: bool) -> Packet | None:
        card = item.card
        frame = self._unpack(item) if isinstance(item, Packet) else item
        with self._lock:
            if self._closed:
                return None
            made_for = settings, frame.size
            if made_for != self._made_for:
                self._let_go()
                self._encoder, self._made_for = self._make(settings), made_for
            packet = self._encoder.encode(frame, keyframe)
        if packet is None or not card:
            return packet
        return replace(packet, card=True)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._let_go()

    def _let_go(self) -> None:
        if self._encoder is not None:
            self._encoder.close()
        self._encoder, self._made_for = None, ()


class VideoStage(Stage):
    """Publishes Packets of one codec of INTER, each group of pictures whole. Reactor thread only.

    From upstream come Frames, or the camera's own pictures, video or single ones, with cards between. coder() makes a Coder;
    without one there is no encoder, and cards are left out. settings(): what is wanted at this moment.
    """

    def __init__(
        self,
        upstream: Stream,
        threads: Threads,
        coder: Callable[[], Coder] | None,
        settings: Callable[[], VideoSettings],
        clock: Callable[[], float],
    ):
        super().__init__(upstream, self._to_video)
        self.history = History()
        self._threads = threads
        self._make_coder = coder
        self._settings = settings
        self._clock = clock
        self._coder: Coder | None = None
        self._joined = False  # the camera's own video, since a key frame
        self._key_wanted = False
        self._key_at = float("-inf")

    def request_keyframe(self) -> bool:
        if self._coder is None or self._clock() - self._key_at < KEYFRAME_EVERY:
            return False
        self._key_wanted = True
        return True

    def publish(self, item: Packet) -> None:
        if item.keyframe:
            self._key_at = self._clock()
        super().publish(item)

    def recall(self) -> None:
        super().recall()
        self._key_wanted = True  # pictures that follow must not be made of those before

    def _came_late(self) -> None:
        self._key_wanted = True  # nor of one that nobody has

    def _stop(self) -> None:
        super()._stop()
        self._end_coder()
        self._joined = False

    def _end_coder(self) -> None:
        coder, self._coder = self._coder, None
        if coder is not None:
            self._threads.encode(coder.close)

    def _to_video(self, item: Frame | Packet) -> Packet | Deferred[Packet | None] | None:
        if isinstance(item, Packet) and item.codec in INTER:
            self._end_coder()
            self._joined = self._joined or item.keyframe
            return item if self._joined else None
        self._joined = False
        if self._make_coder is None:
            return None
        if self._coder is None:
            self._coder = self._make_coder()
        wanted, self._key_wanted = self._key_wanted, False
        return self._threads.encode(self._coder.encode, item, self._settings(), wanted)
