"""Outflow: bytes that a thread reads or makes, on their way to a client, as fast as that takes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from .request import Request

#: Bytes that are read at once.
PIECE = 1 << 18


class Reader(Protocol):
    """Blocks; one thread at a time."""

    def read(self, size: int) -> bytes:
        """At most so many bytes more; b"" at the end."""

    def close(self) -> None: ...


@implementer(IPushProducer)
class Outflow:
    """Sends all that a reader has and ends the request; reading waits while the client does. Reactor thread
    only.

    io: runs a function in a thread. An error within cuts the answer off, so that nobody takes it for whole.
    The reader is closed however it ends.
    """

    log = Logger()

    def __init__(self, request: Request, reader: Reader, io: Callable[..., Deferred[Any]]):
        self._request = request
        self._reader = reader
        self._io = io
        self._paused = False
        self._busy = False
        self._gone = False

    def start(self) -> None:
        """Status and headers are set already."""
        self._request.notifyFinish().addErrback(lambda _: self.stopProducing())
        self._request.registerProducer(self, True)
        self.resumeProducing()

    def pauseProducing(self) -> None:
        self._paused = True

    def resumeProducing(self) -> None:
        self._paused = False
        if not self._busy and not self._gone:
            self._busy = True
            self._io(self._reader.read, PIECE).addCallbacks(self._have, self._failed)

    def stopProducing(self) -> None:
        self._gone = True
        if not self._busy:
            self._busy = True  # for ever: nothing is read after this
            self._io(self._reader.close)

    def _have(self, data: bytes) -> None:
        self._busy = False
        if self._gone:
            self.stopProducing()
        elif data:
            self._request.write(data)
            if not self._paused:
                self.resumeProducing()
        else:
            self._end()

    def _end(self) -> None:
        self._request.unregisterProducer()
        self._request.finish()
        self._gone = True
        self.stopProducing()

    def _failed(self, failure: Failure) -> None:
        self._busy = False
        self.log.failure("an answer is cut off", failure)
        if not self._gone:
            self._request.unregisterProducer()
            self._request.loseConnection()
        self.stopProducing()
