"""How the bytes of a file get to a client without passing through ours, and how those of others do.

`FileSender` lets the kernel move a file from its cache to the socket. That call waits for the disk where the
cache does not have the bytes, which the reactor thread must not; so it is asked first, and what is missing
is read by a thread. Only plain connections can do this (see `direct`); all others, and bytes that are
made on the way, get a `Pump`: each piece comes from a thread, the next when the client has taken it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPullProducer, IPushProducer
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from .request import Request

#: f(*args) in a thread: `Threads.io`.
Io = Callable[..., Deferred[Any]]
#: Bytes that go out in one turn of the reactor, at most 2 ms of it, and how many a thread reads at once.
IN_A_TURN = 1 << 21
#: Bytes of one piece of a Pump: encrypting them takes a fraction of a millisecond.
PIECE = 1 << 18

_log = Logger()


@implementer(IPullProducer)
class FileSender:
    """Sends file[start:stop] over a plain connection, after the head. Reactor thread only.

    It takes the place of the channel as producer of the transport until `sent` is called. The file stays the
    caller's, who calls `stopProducing` when the client is gone and must not close it before `idle`.
    """

    def __init__(self, request: Request, file: int, start: int, stop: int, io: Io, sent: Callable[[], None]):
        self._request = request
        self._channel = request.channel
        self._transport = request.channel.transport
        self._file = file
        self._at = start
        self._stop = stop
        self._io = io
        self._sent = sent
        self._warm = start  # bytes before this one are in the cache
        self._reading = False
        self._gone = False
        self._byte = [bytearray(1)]
        self.idle = Deferred[None]()  #: fires when the file is no longer used

    @staticmethod
    def fits(request: Request) -> bool:
        """Whether this can be done on the connection of a request whose head has been written."""
        channel = request.channel
        return channel.writer.is_plain and channel.writer.idle and not channel._waitingForTransport

    def start(self) -> None:
        """Begin. Meanwhile the kernel may wait until it can fill a segment, which costs a quarter less."""
        self._fill_segments(True)
        self._transport.unregisterProducer()
        self._transport.registerProducer(self, False)

    def resumeProducing(self) -> None:
        """The socket takes more."""
        if self._gone or self._reading:
            return
        stop = min(self._stop, self._at + IN_A_TURN)
        if stop > self._warm and not self._look(stop):
            self._reading = True
            read = self._io(_warm, self._file, self._at, stop)
            read.addCallbacks(self._cached, self._abort).addErrback(self._abort)
            return
        self._send(stop)

    def stopProducing(self) -> None:
        """The client is gone."""
        self._gone = True
        if not self._reading and not self.idle.called:
            self.idle.callback(None)

    def _send(self, stop: int) -> None:
        try:
            sent = os.sendfile(self._transport.socket.fileno(), self._file, self._at, stop - self._at)
        except BlockingIOError:
            pass  # full
        except OSError:
            self._abort()
            return
        else:
            if not sent:  # the file became shorter
                self._abort()
                return
            self._at += sent
            self._request.sentLength += sent
        if self._at < self._stop:
            self._transport.startWriting()
            return
        self.stopProducing()
        self._fill_segments(False)
        self._transport.unregisterProducer()
        self._transport.registerProducer(self._channel, True)
        self._sent()

    def _fill_segments(self, fill: bool) -> None:
        with suppress(OSError):  # a socket of the file system has none
            self._transport.setTcpNoDelay(not fill)

    def _look(self, stop: int) -> bool:
        """Whether the kernel has the bytes before `stop` in its cache: looks at the last one, for it reads those
        before it first, and a turn further, so that not every turn has to. Where the file system cannot tell: no."""
        for end in (min(self._stop, stop + IN_A_TURN), stop):
            try:
                os.preadv(self._file, self._byte, end - 1, os.RWF_NOWAIT)
            except OSError:
                continue
            self._warm = end
            return True
        return False

    def _cached(self, stop: int) -> None:
        self._reading = False
        self._warm = stop
        if self._gone:
            self.stopProducing()
        else:
            self.resumeProducing()

    def _abort(self, failure: Failure | None = None) -> None:
        """What was promised cannot be sent: the client sees a connection that ends too early."""
        self._reading = False
        gone = self._gone
        self.stopProducing()
        if not gone:
            self._transport.abortConnection()


def _warm(file: int, start: int, stop: int) -> int:
    """Have the kernel read file[start:stop] into its cache. Blocks."""
    piece = bytearray(min(PIECE, stop - start))
    while start < stop and (read := os.preadv(file, [piece], start)):
        start += read
    return stop


@implementer(IPushProducer)
class Pump:
    """Sends what read() returns, piece by piece, over any connection, until that is b"". Reactor thread only.

    read() is called in a thread, never twice at once. The caller calls `stopProducing` when the client is gone;
    what read() uses is free when `idle` has fired.
    """

    def __init__(self, request: Request, read: Callable[[], bytes], io: Io, sent: Callable[[], None]):
        self._request = request
        self._read = read
        self._io = io
        self._sent = sent
        self._paused = False
        self._reading = False
        self._gone = False
        self.idle = Deferred[None]()  #: fires when nothing is read any more

    def start(self) -> None:
        """Begin."""
        self._request.registerProducer(self, True)
        self.resumeProducing()

    def pauseProducing(self) -> None:
        """The client is slow."""
        self._paused = True

    def resumeProducing(self) -> None:
        """The client takes more."""
        self._paused = False
        if not (self._gone or self._reading):
            self._reading = True
            self._io(self._read).addCallbacks(self._write, self._abort).addErrback(self._abort)

    def stopProducing(self) -> None:
        """The client is gone."""
        self._gone = True
        if not self._reading and not self.idle.called:
            self.idle.callback(None)

    def _write(self, data: bytes) -> None:
        self._reading = False
        if self._gone:
            self.stopProducing()
        elif data:
            self._request.write(data)
            if not self._paused:
                self.resumeProducing()
        else:
            self.stopProducing()
            self._request.unregisterProducer()
            self._sent()

    def _abort(self, failure: Failure) -> None:
        self._reading = False
        gone = self._gone
        self.stopProducing()
        if not gone:
            _log.failure("an answer ends too early", failure)
            self._request.loseConnection()
