"""One HTTP/1.1 connection: twisted.web's parser behind a gate, with deadlines and direct writing.

Parsing and framing stay Twisted's. Added here is what it leaves open (each was tried on it):

- *Slow clients.* Its time-out starts again with every byte, so a drip keeps a connection for ever.
  Here a request, headers and body together, must be complete by an absolute moment; the keep-alive
  wait is separate. Nobody arms timers per request: the channel notes when it is `due` and the site
  looks once a second.
- *Hoarded answers.* It answers one request after the other of a client that takes none of the answers, and
  keeps them all; and one read brings thousands of requests. Here the next one waits until the answers have
  left, and after a few it is everybody else's turn.
- *Smuggling.* Two Host headers, or a Transfer-Encoding that a proxy may read differently, are 400.
- *Foreign pages.* A browser sends requests of any page to anywhere, WebSockets and forms included. What
  could change something is taken from our own pages and from programs only.
- *Bodies.* Their limit is known before they are read, so an upload that is too large costs nothing. Who takes
  a large one may hold it up; its time is then ours, not the client's.
- *Refusals arrive.* A connection closed with unread input is reset by the kernel, and the client may
  never see the answer. So we close our side, go on reading for a moment, and throw that away.
"""

from __future__ import annotations

import socket
from math import inf
from typing import TYPE_CHECKING, Any

from twisted.internet import tcp
from twisted.internet.interfaces import IAddress, IDelayedCall
from twisted.logger import Logger
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.http_headers import Headers

from ..direct import PLAIN, DirectWriter
from .errors import error_body, reason, standard
from .proxy import host_name
from .request import SECURITY_BLOCK, Request
from .tunnel import half_of_tunnel, hand_over

if TYPE_CHECKING:
    from ..wire import rtsp
    from .site import Site

#: A client that was refused gets this long to read why, and any to close its side. Seconds.
LINGER = 2.0
#: Requests of one connection that are answered in one turn of the reactor.
IN_A_TURN = 16
#: A peer that takes no byte for so long is gone: the kernel drops it. Seconds.
STALL = 120
#: A body that is taken piece by piece may take as long as it likes, but must keep up so many bytes a second.
SLOWEST = 8192

_log = Logger()


class Channel(HTTPChannel):
    """Serves the requests of one connection, one after the other. Reactor thread only.

    due: when the site's clock reaches it the client has waited, or made us wait, too long. is_deaf: the rest of
    the request is thrown away, and its answer is the last one.
    writer: the DirectWriter of this connection. network: of whose share of connections it is, None of nobody's.
    """

    requestFactory = Request
    timeOut = None  # Twisted's timer stays off; see `due`
    busy = False
    due = inf
    writer: DirectWriter
    network: str | None = None
    is_deaf = False
    _reading = False  # a request has begun to arrive
    _closing = False  # input is no longer looked at
    _left: float | None = None  # while the body is held up: seconds that the client has for the rest of it
    _owes_continue = False  # the client waits for a word before it sends the body
    _answered = 0  # in this turn
    _next_turn: IDelayedCall | None = None
    _peer: IAddress | None = None
    _host: IAddress | None = None

    def __init__(self, site: Site):
        super().__init__()
        self.factory = self.site = site

    # -- the connection

    def connectionMade(self) -> None:
        super().connectionMade()  # sets TCP_NODELAY
        self.writer = DirectWriter(self.transport)
        self.due = self.site.reactor.seconds() + (LINGER if self.busy else self.site.idle_timeout)
        plain = getattr(self.transport, "transport", self.transport)  # below TLS
        if type(plain) is tcp.Server and hasattr(socket, "TCP_USER_TIMEOUT"):
            plain.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALL * 1000)

    def connectionLost(self, reason: Failure) -> None:
        if self._next_turn is not None and self._next_turn.active():
            self._next_turn.cancel()
        self.site.forget(self)
        super().connectionLost(reason)

    def getPeer(self) -> IAddress:
        if self._peer is None:
            self._peer = self.transport.getPeer()
        return self._peer

    def getHost(self) -> IAddress:
        if self._host is None:
            self._host = self.transport.getHost()
        return self._host

    def overdue(self) -> None:
        """The site's clock has reached `due`."""
        if not self.writer.idle:  # the answer is still on its way; STALL ends that if nothing moves
            self.due += LINGER
        elif self._closing:
            self.transport.abortConnection()
        elif self._reading:
            self.refuse(408)
        else:
            self.loseConnection()

    def loseConnection(self) -> None:
        """Close in an orderly way: what is buffered still leaves, what comes in is thrown away."""
        if self.is_deaf:
            self._linger()
            return
        self._closing = True
        self.due = self.site.reactor.seconds() + LINGER
        super().loseConnection()

    def _linger(self) -> None:
        """Close our side, and read on for a moment."""
        self._closing = True
        self.due = self.site.reactor.seconds() + LINGER
        self._networkProducer.unregisterProducer()
        if type(self.transport) in PLAIN:
            self.transport.loseWriteConnection()
        else:  # TLS says goodbye and goes on reading by itself
            self.transport.loseConnection()

    def refuse(self, status: int, message: str = "") -> None:
        """Answer the request that is arriving with an error, read no more of it, and close."""
        if self._closing:
            return
        self.deafen()
        self._closing = True
        if self.requests:
            self.requests[-1].abandon_body()
        self.site.refused(status, self.getPeer())
        code, standard_message = standard(status)
        body = error_body(code, message or standard_message)
        self.writer.write(
            b"HTTP/1.1 %d %b\r\nDate: %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
            b"Connection: close\r\nCache-Control: no-store%b\r\n\r\n%b"
            % (status, reason(status), self.site.date, len(body), SECURITY_BLOCK, body)
        )
        self._linger()

    # -- bodies that are taken piece by piece

    def hold(self) -> None:
        """Read no more of the body until `release`: who takes it cannot keep up."""
        if self._left is None:
            self._left = self.due - self.site.reactor.seconds()
            self.due = inf
            self._networkProducer.pauseProducing()

    def release(self) -> None:
        """Read on."""
        if self._left is not None:
            self.due = self.site.reactor.seconds() + self._left
            self._left = None
            self._networkProducer.resumeProducing()
        if self._owes_continue:
            self._owes_continue = False
            self._send100Continue()

    def progress(self, length: int) -> None:
        """So many bytes of the body have come: there is time for as many more."""
        gained = length / SLOWEST
        if self._left is not None:
            self._left = min(self._left + gained, self.site.request_timeout)
        else:
            self.due = min(self.due + gained, self.site.reactor.seconds() + self.site.request_timeout)

    def deafen(self) -> None:
        """Throw away what is still to come of this request."""
        self.is_deaf = True
        self._owes_continue = False
        self.release()
        self.clearLineBuffer()

    def _send100Continue(self) -> None:
        if self._left is not None:
            self._owes_continue = True
        else:
            self.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    # -- requests coming in

    def dataReceived(self, data: bytes) -> None:
        if self._closing or self.is_deaf:
            return
        if not self._busyReceiving:
            self._answered = 0
        LineReceiver.dataReceived(self, data)
        if self._reading or self._handlingRequest or self._closing or self.busy:
            return
        if self.requests or self._buffer:
            self._reading = True
            self.due = self.site.reactor.seconds() + self.site.request_timeout

    def allHeadersReceived(self) -> None:
        request = self.requests[-1]
        wrong = self._fault(request.requestHeaders)
        if wrong is None and self.busy:
            wrong = 503, "Server busy"
        if wrong is None:
            request.begin(self._command, self._path, self._version)
            if self.site.origins is not None and self.site.origins.is_foreign(request):
                wrong = 403, "Pages of other sites may not do this"
            elif self.site.tunnels is not None and (half := half_of_tunnel(request)) is not None:
                if (connection := self.site.tunnels(request.address)) is not None:
                    self._leave_to(connection, half)
                    return
                wrong = 503, "Server busy"
            elif self.length != 0:
                wrong = self._expect_body(request)
        if wrong is None and not self.is_deaf:
            super().allHeadersReceived()
            return
        self.length = None  # tells the parser that this is not a whole request
        if wrong is not None:
            self.refuse(*wrong)

    def _leave_to(self, connection: Any, half: rtsp.Request) -> None:
        """This was HTTP for its first request only."""
        self._closing = True
        self.length = None  # tells the parser that nothing follows here
        hand_over(self, half, connection)
        self.site.forget(self)

    def _fault(self, headers: Headers) -> tuple[int, str] | None:
        """What is wrong with the framing of a request (RFC 9112 3.2, 6.1, 6.3), or None.

        Two Content-Lengths, a length beside a Transfer-Encoding and lengths that are not plain
        digits never come so far: the parser refuses them.
        """
        hosts = headers.getRawHeaders(b"Host", ())
        if len(hosts) != 1:
            if hosts or self._version == b"HTTP/1.1":
                return 400, "One Host header is needed"
        else:
            name = host_name(hosts[0])
            if name is None:
                return 400, "The Host header is malformed"
            allowed = self.site.host_names
            if allowed is not None and name and name not in allowed:
                return 421, "This host name is not known here; the configuration can add it"
        codings = headers.getRawHeaders(b"Transfer-Encoding")
        if codings is not None and (
            len(codings) != 1
            or codings[0].lower() != b"chunked"
            or headers.hasHeader(b"Content-Length")
            or self._version != b"HTTP/1.1"
        ):
            return 400, "The Transfer-Encoding is not supported"
        if self._path[0] != 0x2F and self._path != b"*":
            return self._absolute(hosts)
        return None

    def _absolute(self, hosts: list[bytes]) -> tuple[int, str] | None:
        """A request line with a whole URL (RFC 9112 3.2.2) must name the host of the Host header."""
        scheme, found, rest = self._path.partition(b"://")
        authority, slash, path = rest.partition(b"/")
        if not found or scheme.lower() not in (b"http", b"https"):
            return 400, "The request target is malformed"
        if authority.lower() not in [host.lower() for host in hosts]:
            return 400, "The request target and the Host header differ"
        self._path = slash + path or b"/"
        return None

    def _expect_body(self, request: Request) -> tuple[int, str] | None:
        """The time for it begins."""
        self._reading = True
        self.due = self.site.reactor.seconds() + self.site.request_timeout
        wrong = request.expect_body(self.length)
        if wrong is None and not self.is_deaf and request.receiver is None:
            self.due = self.site.reactor.seconds() + request.body_timeout
        return wrong

    def allContentReceived(self) -> None:
        if self._closing or self.is_deaf:
            return
        self._reading = False
        self.due = inf
        self._left = None
        super().allContentReceived()

    def requestDone(self, request: Request) -> None:
        self.due = self.site.reactor.seconds() + self.site.idle_timeout
        self._answered += 1
        crowds = self._answered >= IN_A_TURN
        if crowds or self._waitingForTransport:
            # Twisted would go on with the requests that follow, and with what it reads of them meanwhile.
            self.paused = True
            self._networkProducer.pauseProducing()
        super().requestDone(request)
        if crowds and self.persistent:
            self._next_turn = self.site.reactor.callLater(0, self._go_on)

    def resumeProducing(self) -> None:
        """The client has taken its answers."""
        super().resumeProducing()
        if self._left is not None:
            self._networkProducer.pauseProducing()
        self._go_on()

    def _go_on(self) -> None:
        """On to the requests that wait, unless the client does not take its answers."""
        if self.paused and not self._waitingForTransport:
            self.paused = False
            self._networkProducer.resumeProducing()
            self.dataReceived(b"")

    def lineLengthExceeded(self, line: bytes) -> None:
        self.refuse(431 if self.requests else 414)

    def _respondToBadRequestAndDisconnect(self) -> None:
        self.refuse(400)

    # -- answers going out

    def write(self, data: bytes) -> None:
        self.writer.write(data)
