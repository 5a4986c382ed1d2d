"""Writing to a socket at once, before Twisted's buffer.

Twisted's `transport.write` always buffers, asks epoll for writability and sends in the next turn of
the reactor: for a picture or a state message that is two system calls and one copy too many, per
client. A socket whose buffers are empty takes the bytes right away nearly always, so we try that
first; whatever it does not take goes the normal way, and from then on so does everything else until
the buffers are empty again. Order is kept, back-pressure is Twisted's own.

This reads private attributes of three Twisted classes, hence:

- Only transports of *exactly* these types are written directly. `hasattr` would lie: TLS and other
  wrappers forward `.socket` and `.dataBuffer`, and a raw send there puts clear bytes on the wire.
- `enabled = False` turns it off for connections made from then on.
- Refused: `sendmsg` and `os.sendfile` for stream parts, measured no better than one `send` of one
  `bytes` that all clients share. For files see `web/sendfile`.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Protocol

from twisted.internet import tcp, unix
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.interfaces import ITransport
from twisted.protocols.tls import BufferingTLSTransport
from twisted.web.iweb import IRequest

#: The switch; read when a writer is made.
enabled = True

#: The transports that write straight to a socket.
PLAIN = (tcp.Server, unix.Server)
#: A key frame or two (bytes).
UNSENT = 128 * 1024
#: Up to here one copy of head and body costs less than the longer system call.
_JOIN_LIMIT = 8192


class DirectWriter:
    """Writes to one transport with as little in between as is safe. Reactor thread only.

    Wraps any ITransport; for other types than plain TCP and UNIX server connections every write is
    `transport.write`. Make one per connection and keep it: making it looks at the types.
    """

    __slots__ = ("_busy", "_descriptor", "_is_epoll", "_plain", "_send", "transport")

    def __init__(self, transport: ITransport):
        self.transport = transport
        self._plain = enabled and type(transport) in PLAIN
        self._is_epoll = self._plain and transport.connected and type(transport.reactor) is EPollReactor
        if self._is_epoll:
            self._busy: set[int] = transport.reactor._writes
            self._descriptor, self._send = transport.socket.fileno(), transport.socket.send

    def write(self, data: bytes) -> None:
        """Send now what the socket takes, buffer the rest. data: bytes, may be shared.

        Never raises for a lost connection: the reactor finds out and tells the protocol.
        """
        transport = self.transport
        if self._is_epoll:  # a descriptor that has anything buffered, or is about to be closed, is in one small set
            flows = self._descriptor not in self._busy and not transport.TLS  # startTLS() encrypts what was plain
        else:
            flows = self.is_plain and self.idle
        if flows:
            try:
                sent = self._send(data) if self._is_epoll else transport.socket.send(data)
            except OSError:  # full (BlockingIOError), broken or closed: the reactor will see that
                pass
            else:
                if sent == len(data):
                    return
                data = data[sent:]
        transport.write(data)

    def write_pair(self, head: bytes, body: bytes) -> None:
        """Two pieces in one system call, without joining them when they are large."""
        if len(body) <= _JOIN_LIMIT:
            self.write(head + body)
            return
        transport = self.transport
        if not (self._plain and self.idle and transport.connected and not transport.disconnecting
                and not transport.TLS):
            transport.writeSequence((head, body))
            return
        try:
            sent = transport.socket.sendmsg((head, body))
        except OSError:
            sent = 0
        if sent < len(head):
            transport.writeSequence((head[sent:], body))
        elif sent < len(head) + len(body):
            transport.write(body[sent - len(head):])

    @property
    def is_plain(self) -> bool:
        """Whether the transport's socket may be written to past Twisted, while `idle`."""
        transport = self.transport
        return self._plain and transport.connected and not transport.disconnecting and not transport.TLS

    @property
    def idle(self) -> bool:
        """Whether nothing waits in our process: what is written now goes out now.

        Exact for plain connections and for TLS. Of any other transport only a paused producer can
        be seen; without one it counts as idle, and its producer must do the pacing.
        """
        transport = self.transport
        kind = type(transport)
        if kind is BufferingTLSTransport:
            if getattr(transport._aggregator, "_buffer", None) or transport._appSendBuffer:
                return False
            transport = transport.transport
            kind = type(transport)
        if kind in PLAIN:
            return not (transport._tempDataBuffer or transport.dataBuffer)
        return not getattr(transport, "producerPaused", False)


def keep_unsent(transport: ITransport, limit: int = UNSENT) -> None:
    """Let the kernel take at most `limit` bytes more than what is under way to the peer.

    It would take megabytes for a peer that is slow, which are then seconds old; what waits with us can be
    left out for something newer. Plain TCP and TLS over it; anything else is left as it is.
    """
    below = getattr(transport, "transport", transport)
    if type(below) is tcp.Server and hasattr(socket, "TCP_NOTSENT_LOWAT"):
        below.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, limit)


class Recipient(Protocol):
    """Who gets what a Fanout writes. write: the way out, None while the peer does not read, and then
    hold(name, data) is called instead."""

    transport: ITransport
    write: Callable[[bytes], None] | None

    def hold(self, name: str, data: bytes) -> None: ...


class Fanout:
    """Many connections that get the same bytes at the same time. Reactor thread only.

    Looking at a thousand transports to see whether their buffers are empty costs more than asking
    the reactor: a descriptor with anything buffered is among those that epoll watches for
    writability, in one small set. So the way to a flowing connection is `send` and nothing else.
    On other reactors, under TLS, or with `enabled = False` it is the recipient's `write`.
    """

    __slots__ = ("_busy", "_direct", "_others")

    def __init__(self, reactor: object):
        # A set of descriptors with the epoll reactor only; it is the reactor's own, changed in place.
        self._busy: set[int] | None = reactor._writes if type(reactor) is EPollReactor else None
        self._direct: dict[Recipient, tuple[Callable[[bytes], int], int, Recipient]] = {}
        self._others: dict[Recipient, None] = {}

    def add(self, recipient: Recipient) -> None:
        """From now on it gets what is written; it must be open, and `discard`ed when it closes."""
        if self._busy is not None and enabled and type(recipient.transport) in PLAIN:
            socket = recipient.transport.socket
            self._direct[recipient] = (socket.send, socket.fileno(), recipient)
        else:
            self._others[recipient] = None

    def discard(self, recipient: Recipient) -> None:
        self._direct.pop(recipient, None)
        self._others.pop(recipient, None)

    def __len__(self) -> int:
        return len(self._direct) + len(self._others)

    def __iter__(self) -> Iterator[Recipient]:
        yield from self._direct
        yield from self._others

    def write(self, name: str, data: bytes) -> None:
        """Send to all now, or let those hold it that do not read. name: what it is about."""
        busy = self._busy
        length = len(data)
        for send, descriptor, recipient in self._direct.values():
            if descriptor in busy:
                _write_or_hold(recipient, name, data)
                continue
            try:
                sent = send(data)
            except OSError:  # full, or broken: the reactor will see that
                sent = 0
            if sent != length:
                recipient.transport.write(data[sent:] if sent else data)
        for recipient in self._others:
            _write_or_hold(recipient, name, data)


def _write_or_hold(recipient: Recipient, name: str, data: bytes) -> None:
    write = recipient.write
    if write is None:
        recipient.hold(name, data)
    else:
        write(data)


def writer_for(request: IRequest) -> DirectWriter:
    """The writer of the connection that a request came in on.

    Looks behind twisted.web: `request.channel` is the HTTP/1.1 channel (never the wrapper that
    negotiates protocols, which is not a transport), and its `transport` is the socket or the TLS
    layer above it. Our own channel has its writer ready; for others one is made. For a request that
    nobody waits for any more this is an AttributeError: look at `notifyFinish` first.

    Bytes go out raw: send the head first with `request.write(b"")` and make sure that the body is
    not chunked (`camd.web.request.Request.stream` does both).
    """
    channel = request.channel
    writer = getattr(channel, "writer", None)
    return writer if type(writer) is DirectWriter else DirectWriter(channel.transport)
