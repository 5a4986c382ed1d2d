"""The web site over loopback, attacked with raw sockets, and its HTTPS side with real handshakes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from autobahn.twisted.resource import WebSocketResource
from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from OpenSSL import SSL
from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint, connectProtocol, wrapClientTLS
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IStreamClientEndpoint
from twisted.internet.protocol import Protocol
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from camd.auth.certificate_files import CertificateFiles
from camd.auth.tls import TlsContext, tls_endpoint
from camd.direct import DirectWriter
from camd.web import channel as channel_module
from camd.web.site import Site

GET = b"GET /hello HTTP/1.1\r\nHost: camd\r\n\r\n"


class Client(Protocol):
    """Sends what it is told and keeps what comes."""

    def __init__(self) -> None:
        self.received = b""
        self.closed: Deferred[None] = Deferred()
        self._waiting: list[tuple[bytes, int, Deferred[bytes]]] = []

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        self._waiting = [item for item in self._waiting if not self._tell(*item)]

    def _tell(self, wanted: bytes, times: int, deferred: Deferred[bytes]) -> bool:
        if self.received.count(wanted) < times:
            return False
        deferred.callback(self.received)
        return True

    def seen(self, wanted: bytes, times: int = 1) -> Deferred[bytes]:
        """Fires with everything received once `wanted` is in it."""
        deferred: Deferred[bytes] = Deferred()
        if not self._tell(wanted, times, deferred):
            self._waiting.append((wanted, times, deferred))
        return deferred

    def connectionLost(self, reason: Failure) -> None:
        self.closed.callback(None)

    @property
    def codes(self) -> list[int]:
        return [int(part.split(b" ", 1)[0]) for part in self.received.split(b"HTTP/1.1 ")[1:]]


class Hello(Resource):
    isLeaf = True

    def render_GET(self, request: Any) -> bytes:
        return b"hello " + request.uri

    def render_POST(self, request: Any) -> bytes:
        return b"got %d" % len(request.content.read())


class Flood(Resource):
    """A stream that gives all it can."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.ended: Deferred[None] = Deferred()

    def render_GET(self, request: Any) -> int:
        writer = request.stream()
        request.notifyFinish().addErrback(lambda _: self.ended.callback(None))
        writer.write(b"x" * 30_000_000)
        return NOT_DONE_YET


@implementer(IOpenSSLClientConnectionCreator)
class AnyCertificate:
    """The client side of TLS, which takes any certificate and remembers it."""

    def __init__(self) -> None:
        self.connection: SSL.Connection | None = None

    def clientConnectionForTLS(self, protocol: Any) -> SSL.Connection:
        self.connection = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), None)
        return self.connection

    @property
    def serial(self) -> int:
        certificate = self.connection.get_peer_certificate(as_cryptography=True)
        return certificate.serial_number


class Wiretap:
    """Sees what really comes over the wire, below TLS."""

    def __init__(self) -> None:
        self.passed = b""

    def on(self, endpoint: Any) -> Any:
        tap = self

        class Listening(ProtocolWrapper):
            def dataReceived(self, data: bytes) -> None:
                tap.passed += data
                super().dataReceived(data)

        @implementer(IStreamClientEndpoint)
        class Tapped:
            def connect(self, factory: Any) -> Any:
                wrapping = WrappingFactory(factory)
                wrapping.protocol = Listening
                return endpoint.connect(wrapping).addCallback(lambda outer: outer.wrappedProtocol)

        return Tapped()


class Served(TestCase):
    timeout = 30

    async def serve(self, **options: Any) -> None:
        self.root = Resource()
        self.root.putChild(b"hello", Hello())
        self.site = Site(self.root, reactor, **options)
        self.site.tick = 0.02
        self.http = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(self.site)
        self.addCleanup(self.site.close, 0.1)
        self.addCleanup(self.http.stopListening)

    async def serve_tls(self, **options: Any) -> None:
        await self.serve(**options)
        self.folder = Path(self.mktemp())
        self.context = TlsContext(CertificateFiles.within(self.folder).ensure(time.time()))
        endpoint = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
        self.https = await tls_endpoint(reactor, endpoint, self.context).listen(self.site)
        self.addCleanup(self.https.stopListening)

    async def connect(
        self, data: bytes = b"", tls: AnyCertificate | None = None, port: Any = None, tap: Wiretap | None = None
    ) -> Client:
        number = (port or (self.https if tls else self.http)).getHost().port
        endpoint: Any = TCP4ClientEndpoint(reactor, "127.0.0.1", number)
        if tap is not None:
            endpoint = tap.on(endpoint)
        if tls is not None:
            endpoint = wrapClientTLS(tls, endpoint)
        client = await connectProtocol(endpoint, Client())
        self.addCleanup(self.hang_up, client)
        client.transport.write(data)
        return client

    def hang_up(self, client: Client) -> Deferred[None] | None:
        if client.closed.called:
            return None
        client.transport.abortConnection()
        return client.closed

    async def still_serving(self) -> None:
        client = await self.connect(GET)
        await client.seen(b"hello /hello")


class Floor(Served):
    async def test_smuggling(self) -> None:
        await self.serve()
        inner = b"GET /hello?smuggled HTTP/1.1\r\nHost: camd\r\n\r\n"
        chunks = b"0\r\n\r\n"
        probes = [
            b"Host: camd\r\nHost: camd\r\n\r\n",
            b"\r\n",
            b"Host: camd\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks,
            b"Host: camd\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" + chunks,
            b"Host: camd\r\nTransfer-Encoding: identity\r\nContent-Length: 5\r\n\r\n" + chunks,
            b"Host: camd\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n" + chunks,
            b"Host: camd\r\nTransfer-Encoding: chunked, identity\r\n\r\n" + chunks,
            b"Host: camd\r\nContent-Length: 5\r\nContent-Length: 0\r\n\r\n" + chunks,
            b"Host: camd\r\nContent-Length: +5\r\n\r\n" + chunks,
            b"Host: camd\r\nTransfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
            b"Host: camd\r\nTransfer-Encoding: chunked\r\n\r\n3;\x00\r\nabc\r\n" + chunks,
        ]
        for probe in probes:
            client = await self.connect(b"POST /hello HTTP/1.1\r\n" + probe + inner)
            await client.closed
            self.assertEqual(client.codes, [400], probe)
            self.assertNotIn(b"smuggled", client.received)
        self.assertEqual(self.site.refusals[400], len(probes))
        await self.still_serving()

    async def test_huge_headers(self) -> None:
        await self.serve()
        for data, code in (
            (b"GET /" + b"a" * 1_000_000, 414),
            (b"GET / HTTP/1.1\r\nX: " + b"a" * 1_000_000, 431),
            (b"GET / HTTP/1.1\r\n" + b"X: aaaaaaaaaaaaaaaaaaaa\r\n" * 10_000, 400),
        ):
            client = await self.connect(data)
            await client.closed
            self.assertEqual(client.codes, [code])

    async def test_dripping_headers(self) -> None:
        await self.serve(request_timeout=0.3)
        client = await self.connect(b"GET /hello HTTP/1.1\r\n")
        started = time.monotonic()
        while not client.closed.called:
            client.transport.write(b"X: y\r\n")
            await turn(0.01)
        self.assertEqual(client.codes, [408])
        self.assertLess(time.monotonic() - started, 3)

    async def test_large_body_is_refused_while_it_comes(self) -> None:
        await self.serve()
        head = b"POST /hello HTTP/1.1\r\nHost: camd\r\nContent-Length: 5000000\r\n\r\n"
        client = await self.connect(head)
        await client.seen(b"REQUEST_TOO_LARGE")
        self.assertEqual(client.codes, [413], "before a byte of the body")
        whole = await self.connect(head + b"x" * 5_000_000)
        await whole.closed
        self.assertEqual(whole.codes, [413], "also to who sends it all before looking")
        await self.still_serving()

    async def test_chunked_over_the_limit(self) -> None:
        await self.serve(body_limit=100_000)
        head = b"POST /hello HTTP/1.1\r\nHost: camd\r\nTransfer-Encoding: chunked\r\n\r\n"
        chunk = b"2000\r\n" + b"x" * 0x2000 + b"\r\n"
        client = await self.connect(head + chunk * 100 + b"0\r\n\r\n" + GET)
        await client.closed
        self.assertEqual(client.codes, [413])
        client = await self.connect(head + chunk * 12 + b"0\r\n\r\n")
        await client.seen(b"got 98304")

    async def test_pipelining_keeps_the_order(self) -> None:
        await self.serve()
        number = 1000
        client = await self.connect(
            b"".join(b"GET /hello?%d. HTTP/1.1\r\nHost: camd\r\n\r\n" % n for n in range(number))
        )
        received = await client.seen(b"hello /hello", number)
        found = [int(part.split(b".")[0]) for part in received.split(b"hello /hello?")[1:]]
        self.assertEqual(found, list(range(number)))

    async def test_connection_limit(self) -> None:
        await self.serve(max_connections=3)
        clients = [await self.connect() for _ in range(3)]
        for client in clients:
            client.transport.write(GET)
            await client.seen(b"hello /hello")
        busy = await self.connect(GET)
        await busy.closed
        self.assertEqual(busy.codes, [503])
        self.assertIn(b"Server busy", busy.received)
        clients[0].transport.loseConnection()
        await clients[0].closed
        while len(self.site.channels) > 2:
            await turn(0)
        await self.still_serving()

    async def test_who_takes_nothing_is_dropped_by_the_kernel(self) -> None:
        self.patch(channel_module, "STALL", 1)
        await self.serve()
        flood = Flood()
        self.root.putChild(b"flood", flood)
        client = await self.connect()
        client.transport.pauseProducing()
        client.transport.write(GET.replace(b"/hello", b"/flood"))
        await flood.ended
        client.transport.resumeProducing()
        await client.closed

    async def test_silent_peers_delay_nobody(self) -> None:
        await self.serve()
        await DeferredList([Deferred.fromCoroutine(self.connect(b"GET /")) for _ in range(200)])
        await self.still_serving()

    async def test_close(self) -> None:
        await self.serve_tls()
        clients = [await self.connect(GET), await self.connect(GET, AnyCertificate()), await self.connect()]
        for client in clients[:2]:
            await client.seen(b"hello /hello")
        await self.site.close(0.2)
        for client in clients:
            await client.closed
        self.assertEqual(len(self.site.channels), 0)


class Encrypted(Served):
    async def test_works(self) -> None:
        await self.serve_tls()
        client = await self.connect(GET, AnyCertificate())
        await client.seen(b"hello /hello")
        large = b"POST /hello HTTP/1.1\r\nHost: camd\r\nContent-Length: 60000\r\n\r\n" + b"x" * 60_000
        client.transport.write(large + GET)
        await client.seen(b"hello /hello", 2)
        self.assertEqual(client.codes, [200, 200, 200])
        self.assertIn(b"got 60000", client.received)

    async def test_nothing_clear_on_the_wire(self) -> None:
        """Answers, streams and WebSockets write directly where they can; here they must not."""
        await self.serve_tls()
        secret = b"nobody else may read this"

        class Stream(Resource):
            isLeaf = True

            def render_GET(self, request: Any) -> int:
                writer = request.stream()
                for _ in range(50):
                    writer.write(secret * 1000)
                writer.write(b"<end>")
                request.loseConnection()
                return NOT_DONE_YET

        class Whole(Resource):
            isLeaf = True

            def render_GET(self, request: Any) -> bytes:
                return secret * 5000 + b"<end>"

        class Socket(WebSocketServerProtocol):
            def onOpen(self) -> None:
                writer = DirectWriter(self.transport)
                writer.write(b"\x81\x19" + secret)
                writer.write(b"\x81\x05<end>")

        factory = WebSocketServerFactory(reactor=reactor)
        factory.protocol = Socket
        factory.setProtocolOptions(closeHandshakeTimeout=0, openHandshakeTimeout=0)
        upgrade = (
            b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        )
        for name, resource, headers in (
            (b"stream", Stream(), b""),
            (b"whole", Whole(), b""),
            (b"socket", WebSocketResource(factory), upgrade),
        ):
            self.root.putChild(name, resource)
            tap = Wiretap()
            client = await self.connect(
                b"GET /%b HTTP/1.1\r\nHost: camd\r\n%b\r\n" % (name, headers), AnyCertificate(), tap=tap
            )
            received = await client.seen(b"<end>")
            self.assertIn(secret, received)
            self.assertGreater(len(tap.passed), len(secret))
            for clear in (secret, b"HTTP/1.1", b"<end>"):
                self.assertNotIn(clear, tap.passed, name)
            client.transport.abortConnection()
            await client.closed

    async def test_refusals_arrive(self) -> None:
        await self.serve_tls()
        head = b"POST /hello HTTP/1.1\r\nHost: camd\r\nContent-Length: 5000000\r\n\r\n"
        client = await self.connect(head + b"x" * 5_000_000 + GET, AnyCertificate())
        await client.closed
        self.assertEqual(client.codes, [413])
        client = await self.connect(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" + GET * 10, AnyCertificate())
        await client.closed
        self.assertEqual(client.codes, [400])

    async def test_plain_bytes_do_no_harm(self) -> None:
        await self.serve_tls()
        for data in (GET, b"\x16\x03\x01" + b"\xff" * 2000, b"\x00" * 100_000):
            client = await self.connect(data, port=self.https)
            await client.closed
            self.assertNotIn(b"hello", client.received)
        client = await self.connect(GET, AnyCertificate())
        await client.seen(b"hello /hello")

    async def test_half_a_handshake_ends(self) -> None:
        await self.serve_tls(idle_timeout=0.2)
        silent = await self.connect(port=self.https)
        begun = await self.connect(b"\x16\x03\x01\x02\x00\x01", port=self.https)
        await silent.closed
        await begun.closed

    async def test_limit(self) -> None:
        await self.serve_tls(max_connections=0)
        client = await self.connect(GET, AnyCertificate())
        await client.closed
        self.assertEqual(client.codes, [503])

    async def test_new_certificate_for_new_connections(self) -> None:
        await self.serve_tls()
        before, after = AnyCertificate(), AnyCertificate()
        old = await self.connect(GET, before)
        await old.seen(b"hello /hello")
        self.context.use(CertificateFiles.within(self.folder, ["new.lan"]).ensure(time.time()))
        new = await self.connect(GET, after)
        await new.seen(b"hello /hello")
        self.assertNotEqual(before.serial, after.serial)
        old.transport.write(GET)
        await old.seen(b"hello /hello", 2)


def turn(seconds: float) -> Deferred[None]:
    deferred: Deferred[None] = Deferred()
    reactor.callLater(seconds, deferred.callback, None)
    return deferred
