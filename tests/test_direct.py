from __future__ import annotations

import os
import socket
import tempfile
import time
from pathlib import Path
from typing import Any

from twisted.internet import reactor, tcp, unix
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import (
    TCP4ClientEndpoint,
    TCP4ServerEndpoint,
    UNIXClientEndpoint,
    UNIXServerEndpoint,
    connectProtocol,
    serverFromString,
    wrapClientTLS,
)
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import Certificate, optionsForClientTLS, trustRootFromCertificates
from twisted.internet.testing import StringTransport
from twisted.protocols.policies import WrappingFactory
from twisted.protocols.tls import BufferingTLSTransport
from twisted.trial.unittest import SynchronousTestCase, TestCase
from twisted.web.http import HTTPChannel

from camd import direct
from camd.auth.certificate_files import CertificateFiles
from camd.auth.tls import TlsContext, tls_endpoint
from camd.direct import DirectWriter, writer_for


class Socket:
    """Takes `room` bytes, or fails."""

    def __init__(self, room: int = 1 << 30, error: OSError | None = None):
        self.room = room
        self.error = error
        self.sent = b""

    def send(self, data: bytes) -> int:
        if self.error is not None:
            raise self.error
        taken = min(self.room, len(data))
        if not taken:
            raise BlockingIOError
        self.room -= taken
        self.sent += data[:taken]
        return taken

    def sendmsg(self, parts: tuple[bytes, ...]) -> int:
        return self.send(b"".join(parts))


class Reactor:
    """Enough of one for a transport that is never run."""

    def __getattr__(self, name: str) -> Any:
        return lambda *args: None


def transport_on(fake: Socket, kind: type = tcp.Server) -> Any:
    pair = socket.socketpair()
    transport = kind(pair[0], Protocol(), ("192.0.2.1", 1), None, 1, Reactor())
    for end in pair:
        end.close()
    transport.socket = fake
    return transport


def buffered(transport: Any) -> bytes:
    return transport.dataBuffer + b"".join(transport._tempDataBuffer)


class Plain(SynchronousTestCase):
    def make(self, *args: Any, **options: Any) -> tuple[DirectWriter, Any, Socket]:
        fake = Socket(*args, **options)
        transport = transport_on(fake)
        return DirectWriter(transport), transport, fake

    def test_all_at_once(self) -> None:
        writer, transport, fake = self.make()
        writer.write(b"picture")
        self.assertEqual((fake.sent, buffered(transport)), (b"picture", b""))
        self.assertTrue(writer.idle)

    def test_short_send(self) -> None:
        writer, transport, fake = self.make(3)
        writer.write(b"picture")
        self.assertEqual((fake.sent, buffered(transport)), (b"pic", b"ture"))
        self.assertFalse(writer.idle)

    def test_order_is_kept_once_something_waits(self) -> None:
        writer, transport, fake = self.make(3)
        writer.write(b"picture")
        fake.room = 100
        writer.write(b" two")
        self.assertEqual((fake.sent, buffered(transport)), (b"pic", b"ture two"))

    def test_full(self) -> None:
        writer, transport, fake = self.make(0)
        writer.write(b"picture")
        self.assertEqual((fake.sent, buffered(transport)), (b"", b"picture"))

    def test_broken(self) -> None:
        writer, transport, _ = self.make(error=ConnectionResetError())
        writer.write(b"picture")
        self.assertEqual(buffered(transport), b"picture", "the reactor will find out")

    def test_not_connected(self) -> None:
        writer, transport, fake = self.make()
        transport.connected = 0
        writer.write(b"late")
        writer.write_pair(b"late", b"x" * 100_000)
        self.assertEqual((fake.sent, buffered(transport)), (b"", b""))

    def test_closing(self) -> None:
        writer, transport, fake = self.make()
        transport.disconnecting = 1
        writer.write(b"late")
        writer.write_pair(b"late", b"x" * 100_000)
        self.assertEqual(fake.sent, b"")

    def test_pairs(self) -> None:
        for size in (10, 100_000):
            body = b"b" * size
            for room in (0, 2, 4, 50, 1 << 30):
                writer, transport, fake = self.make(room)
                writer.write_pair(b"head", body)
                self.assertEqual(len(fake.sent), min(room, size + 4))
                self.assertEqual(fake.sent + buffered(transport), b"head" + body)
            writer, transport, fake = self.make()
            transport.write(b"first")
            writer.write_pair(b"head", body)
            self.assertEqual((fake.sent, buffered(transport)), (b"", b"firsthead" + body))
            writer, transport, fake = self.make(error=BrokenPipeError())
            writer.write_pair(b"head", body)
            self.assertEqual(buffered(transport), b"head" + body)

    def test_back_pressure_is_twisteds(self) -> None:
        writer, transport, _ = self.make(0)

        class Producer:
            paused = False

            def pauseProducing(self) -> None:
                self.paused = True

        producer = Producer()
        transport.registerProducer(producer, True)
        writer.write(b"x" * 60_000)
        self.assertFalse(producer.paused)
        writer.write(b"x" * 60_000)
        self.assertTrue(producer.paused)

    def test_unix_sockets_too(self) -> None:
        fake = Socket()
        pair = socket.socketpair()
        transport = unix.Server(pair[0], Protocol(), None, None, 1, Reactor())
        pair[1].close()
        pair[0].close()
        transport.socket = fake
        DirectWriter(transport).write(b"picture")
        self.assertEqual(fake.sent, b"picture")

    def test_after_startTLS(self) -> None:
        writer, transport, fake = self.make()
        written: list[bytes] = []
        transport.TLS = True
        transport.protocol.write = written.append
        transport.protocol.writeSequence = written.extend
        writer.write(b"secret")
        writer.write_pair(b"secret", b"s" * 10_000)
        self.assertEqual(fake.sent, b"")
        self.assertEqual(len(b"".join(written)), 10_012)

    def test_switch(self) -> None:
        self.patch(direct, "enabled", False)
        writer, transport, fake = self.make()
        writer.write(b"picture")
        writer.write_pair(b"head", b"x" * 10_000)
        self.assertEqual(fake.sent, b"")
        self.assertEqual(len(buffered(transport)), 10_011)


class Others(SynchronousTestCase):
    def test_a_subclass_is_another_type(self) -> None:
        class Lookalike(tcp.Server):
            pass

        fake = Socket()
        transport = transport_on(fake, Lookalike)
        writer = DirectWriter(transport)
        writer.write(b"picture")
        self.assertEqual((fake.sent, buffered(transport)), (b"", b"picture"))
        self.assertTrue(writer.idle)
        transport.producerPaused = True
        self.assertFalse(writer.idle)

    def test_a_wrapper_that_forwards_everything(self) -> None:
        fake = Socket()
        plain = transport_on(fake)
        wrapper = WrappingFactory(Factory.forProtocol(Protocol)).buildProtocol(None)
        wrapper.transport = plain
        self.assertIs(wrapper.socket, fake)
        DirectWriter(wrapper).write(b"picture")
        self.assertEqual((fake.sent, buffered(plain)), (b"", b"picture"))

    def test_test_transport(self) -> None:
        transport = StringTransport()
        writer = DirectWriter(transport)
        writer.write(b"a")
        writer.write_pair(b"b", b"c" * 10_000)
        self.assertEqual(transport.value(), b"ab" + b"c" * 10_000)
        self.assertTrue(writer.idle)

    def test_writer_of_a_stock_request(self) -> None:
        channel = HTTPChannel()
        channel.transport = transport_on(Socket())

        class Request:
            pass

        request = Request()
        request.channel = channel
        self.assertIs(writer_for(request).transport, channel.transport)


class Server(Protocol):
    """Hands its transport to the test."""

    def connectionMade(self) -> None:
        self.factory.connected.callback(self)


class Client(Protocol):
    def __init__(self) -> None:
        self.received = b""
        self._wanted: list[tuple[int, Deferred[bytes]]] = []

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        while self._wanted and len(self.received) >= self._wanted[0][0]:
            self._wanted.pop(0)[1].callback(self.received)

    def wait(self, length: int) -> Deferred[bytes]:
        deferred: Deferred[bytes] = Deferred()
        self._wanted.append((length, deferred))
        self.dataReceived(b"")
        return deferred


class Recorder:
    """Stands before a socket and keeps what goes out."""

    def __init__(self, real: socket.socket):
        self.real = real
        self.sent = b""

    def send(self, data: Any) -> int:
        count = self.real.send(data)
        self.sent += bytes(data[:count])
        return count

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


class Loopback(TestCase):
    async def serve(self, endpoint: Any, make_client: Any) -> tuple[Any, Client]:
        factory = Factory.forProtocol(Server)
        factory.noisy = False
        factory.connected = Deferred()
        port = await endpoint.listen(factory)
        self.addCleanup(port.stopListening)
        client = await connectProtocol(make_client(port), Client())
        server = await factory.connected
        lost: list[Deferred[None]] = []
        for end in (client, server):
            deferred: Deferred[None] = Deferred()
            end.connectionLost = lambda reason, deferred=deferred: deferred.callback(None)
            lost.append(deferred)

        async def close() -> None:
            client.transport.loseConnection()
            for deferred in lost:
                await deferred

        self.addCleanup(lambda: Deferred.fromCoroutine(close()))
        return server, client

    async def exchange(self, server: Any, client: Client) -> None:
        writer = DirectWriter(server.transport)
        writer.write(b"small")
        await client.wait(5)
        picture = os.urandom(1_000_000) * 20
        client.transport.pauseProducing()
        writer.write(picture)
        self.assertFalse(writer.idle)
        writer.write(b"tail")
        client.transport.resumeProducing()
        received = await client.wait(5 + len(picture) + 4)
        self.assertTrue(received == b"small" + picture + b"tail")
        while not writer.idle:
            await turn()

    async def test_tcp(self) -> None:
        server, client = await self.serve(
            TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1"),
            lambda port: TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port),
        )
        self.assertIs(type(server.transport), tcp.Server)
        await self.exchange(server, client)

    async def test_unix(self) -> None:
        path = tempfile.mktemp(dir=tempfile.mkdtemp())
        self.addCleanup(os.rmdir, os.path.dirname(path))
        server, client = await self.serve(
            UNIXServerEndpoint(reactor, path), lambda port: UNIXClientEndpoint(reactor, path)
        )
        self.assertIs(type(server.transport), unix.Server)
        await self.exchange(server, client)

    async def test_nothing_clear_under_tls(self) -> None:
        folder = Path(self.mktemp())
        context = TlsContext(CertificateFiles.within(folder).ensure(time.time()))
        trust = trustRootFromCertificates([Certificate.loadPEM((folder / "fullchain.pem").read_bytes())])
        options = optionsForClientTLS("localhost", trustRoot=trust)
        server, client = await self.serve(
            tls_endpoint(reactor, serverFromString(reactor, "tcp:0:interface=127.0.0.1"), context),
            lambda port: wrapClientTLS(
                options, TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
            ),
        )
        transport = server.transport
        self.assertIs(type(transport), BufferingTLSTransport)
        below = transport.transport
        self.assertIs(transport.socket, below.socket, "the trap: TLS forwards the socket")
        below.socket = recorder = Recorder(below.socket)
        writer = DirectWriter(transport)
        secret = b"nothing of this may be seen" * 500
        writer.write(secret)
        self.assertFalse(writer.idle)
        writer.write_pair(secret, secret)
        received = await client.wait(3 * len(secret))
        self.assertEqual(received, secret * 3)
        self.assertGreater(len(recorder.sent), 3 * len(secret))
        self.assertNotIn(b"may be seen", recorder.sent)
        while not writer.idle:
            await turn()


def turn() -> Deferred[None]:
    """One turn of the reactor."""
    deferred: Deferred[None] = Deferred()
    reactor.callLater(0, deferred.callback, None)
    return deferred
