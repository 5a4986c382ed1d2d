"""Connection: the bytes of one RTSP client, plain, encrypted or through a tunnel over HTTP.

One request is answered at a time, and while that takes its time, or the client does not read, nothing more
is read from it. So what waits in memory is one message, whatever somebody sends.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from twisted.internet import tcp
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IPushProducer, ISSLTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ..direct import DirectWriter
from ..wire import rtsp_tunnel
from ..wire.rtsp import BadMessage, Interleaved, Parser, Request, response
from .conversation import Conversation

if TYPE_CHECKING:
    from .server import RtspServer

#: A client that takes no byte for so long is gone: the kernel ends the connection (seconds).
STALL = 120
#: Bytes that the kernel may hold for a client: what is older than that many is not worth sending any more.
SEND_BUFFER = 512 * 1024


@implementer(IPushProducer)
class RtspConnection(Protocol):
    """Reactor thread only. It is the producer of its transport: for all of its sessions together.

    address: of the client, as far as it can be trusted; the rest is as in `conversation.Connection`.
    """

    log = Logger()
    transport: Any
    writer: DirectWriter
    local = peer = ""
    may_use_udp = True
    is_held = False
    _post: RtspConnection | None = None  # of a tunnel: where the client's words come from
    _tunnel: RtspConnection | None = None  # of a POST: the connection whose words it brings
    _decoder: rtsp_tunnel.TunnelDecoder | None = None

    def __init__(self, server: RtspServer, address: str, network: str | None = None):
        self.network = network
        self.conversation = Conversation(server, self, address)
        self._server = server
        self._address = address
        self._parser = Parser()
        self._is_busy = False
        self._is_closing = False
        self._through_http = False
        self._cookie = ""

    # -- the transport

    def connectionMade(self) -> None:
        transport = self.transport
        self.writer = DirectWriter(transport)
        self.local, self.peer = _host(transport.getHost()), _host(transport.getPeer())
        self.may_use_udp = not ISSLTransport.providedBy(transport) and bool(self.local and self.peer)
        plain = getattr(transport, "transport", transport)  # below TLS
        if type(plain) is tcp.Server:
            plain.setTcpNoDelay(True)
            plain.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALL * 1000)
            plain.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        transport.registerProducer(self, True)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._is_closing = True
        self.conversation.close()
        self._server.lost(self)
        if self._tunnel is not None:
            self._tunnel.post_lost(self)
        if self._post is not None:
            self._post.close()
            self._post = None

    def send(self, data: bytes) -> None:
        if not self._is_closing:
            self.writer.write(data)

    def close(self) -> None:
        """What was written still leaves; what comes in is not looked at any more."""
        if not self._is_closing:
            self._is_closing = True
            self.conversation.close()
            self.transport.unregisterProducer()
            self.transport.loseConnection()

    def abort(self) -> None:
        self._is_closing = True
        self.transport.abortConnection()

    # -- what comes in

    def dataReceived(self, data: bytes) -> None:
        if self._is_closing:
            return
        if self._tunnel is not None:
            self._bring(data)
        elif not self._through_http:  # a tunnel's GET has nothing more to say
            self.said(data)

    def said(self, data: bytes) -> None:
        """What the client says, by whichever way."""
        self._parser.feed(data)
        self._go_on()

    def _go_on(self) -> None:
        """Take the messages that are there, until one of them takes its time."""
        if self.is_held or self._is_busy:
            self._read(False)
            return
        try:
            for message in self._parser:
                if isinstance(message, Interleaved):
                    self.conversation.received(message.channel, message.data)
                elif message.version.startswith("HTTP/") and not self._through_http:
                    self._http(message)
                    return
                else:
                    self._answer(message)
                if self._is_closing or self._is_busy or self.is_held:
                    break
        except BadMessage as error:
            self._server.malformed += 1
            self.conversation.bad(error)
            self.close()
            return
        self._read(not (self._is_busy or self.is_held))

    def _answer(self, request: Request) -> None:
        self._is_busy = True
        answered = Deferred.fromCoroutine(self.conversation.answer(request))
        if answered.called:
            self._is_busy = False
        else:
            answered.addBoth(self._answered)

    def _answered(self, result: object) -> None:
        self._is_busy = False
        if isinstance(result, Failure):
            self.log.failure("an RTSP request", result)
        if not self._is_closing:
            self._server.reactor.callLater(0, self._next)

    def _next(self) -> None:
        if not self._is_closing and not self._is_busy:
            self._go_on()

    def _read(self, wanted: bool) -> None:
        """Read on, or do not."""
        source = self._post or self
        if not source._is_closing and not self._is_closing:
            (source.transport.resumeProducing if wanted else source.transport.pauseProducing)()

    # -- the client does not read, or reads again

    def pauseProducing(self) -> None:
        self.is_held = True
        self.conversation.hold()
        self._read(False)

    def resumeProducing(self) -> None:
        self.is_held = False
        self.conversation.hold()
        if not self.is_held:
            self._server.reactor.callLater(0, self._next)

    def stopProducing(self) -> None:
        self.conversation.close()

    # -- tunnels over HTTP

    def adopt(self, request: Request, rest: bytes) -> None:
        """Take over from the web site: this is half of a tunnel, followed by these bytes."""
        self._http(request)
        if rest:
            self.dataReceived(rest)

    def _http(self, request: Request) -> None:
        cookie = rtsp_tunnel.cookie(request)
        if not cookie:
            self.writer.write(response(400, version="HTTP/1.0"))
            self.close()
            return
        self.may_use_udp = False
        self._through_http = True
        self._cookie = cookie
        if request.method == "GET":
            if self._server.open_tunnel(cookie, self._address, self):
                self.writer.write(rtsp_tunnel.ACCEPTED)
                return
        elif (tunnel := self._server.tunnel(cookie, self._address)) is not None:
            self._decoder, self._tunnel = rtsp_tunnel.TunnelDecoder(), tunnel
            tunnel.post_found(self)
            self._bring(self._parser.rest())
            return
        self.writer.write(response(404, version="HTTP/1.0"))
        self.close()

    @property
    def cookie(self) -> str:
        """Of a tunnel whose GET this is, "" of others."""
        return self._cookie if self._through_http and self._tunnel is None else ""

    @property
    def is_half(self) -> bool:
        """Whether this is a GET that waits for its POST."""
        return bool(self.cookie) and self._post is None

    @property
    def brings(self) -> bool:
        """Whether this is a POST: its GET is the connection."""
        return self._tunnel is not None

    def post_found(self, post: RtspConnection) -> None:
        """The client's words come from there from now on; a later one takes the place of an earlier."""
        before, self._post = self._post, post
        if before is not None:
            before.close()
        self._read(not (self._is_busy or self.is_held))

    def post_lost(self, post: RtspConnection) -> None:
        if self._post is post:
            self._post = None
            self._server.wait_for_post(self)

    def _bring(self, data: bytes) -> None:
        tunnel, decoder = self._tunnel, self._decoder
        if tunnel is None or decoder is None or not data:
            return
        try:
            words = decoder.feed(data)
        except BadMessage:
            self._server.malformed += 1
            tunnel.close()
            self.close()
            return
        if words:
            tunnel.said(words)


def _host(address: IAddress) -> str:
    """"" of a unix socket."""
    return getattr(address, "host", "")
