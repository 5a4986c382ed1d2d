"""Placeholder: the card that clients see while their camera gives no picture."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from .frame import Packet
from .stream import Stream


class Placeholder:
    """Draws cards and publishes them on the source stream of a camera, one drawing at a time. Reactor thread.

    card(camera, reason, when, width, height) draws, in the threads of defer. wanted(): whether there is
    still no picture once the card is drawn.
    """

    log = Logger()

    def __init__(
        self,
        card: Callable[[str, str, float, int, int], Packet],
        defer: Callable[..., Deferred[Packet]],
        stream: Stream,
        wanted: Callable[[], bool],
    ):
        self._card = card
        self._defer = defer
        self._stream = stream
        self._wanted = wanted
        self._drawing = False

    def show(self, camera: str, reason: str, width: int, height: int) -> None:
        """Show who gives no picture, and why, to everybody who watches."""
        if not self._drawing:
            self._drawing = True
            drawn: Deferred[Any] = self._defer(self._card, camera, reason, time.time(), width, height)
            drawn.addCallback(self._drawn).addErrback(self._failed, camera).addBoth(self._done)

    def _drawn(self, card: Packet) -> None:
        if self._wanted() and self._stream.running:
            self._stream.publish(card)

    def _failed(self, failure: Failure, camera: str) -> None:
        self.log.failure("the card of {camera}", failure, camera=camera)

    def _done(self, _: Any) -> None:
        self._drawing = False
