"""Fanout on real sockets: nothing torn, nothing reordered, nobody queued for."""

import socket

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from camd import direct
from camd.direct import DirectWriter, Fanout

SIZE = 20_000


def message(number):
    return b"%08d" % number + b"x" * (SIZE - 8)


@implementer(IPushProducer)
class Recipient(Protocol):
    """As a WebSocket client: keeps the newest while its peer does not read."""

    write = None

    def connectionMade(self):
        self.held = {}
        self.writer = DirectWriter(self.transport)
        self.write = self.writer.write
        self.transport.registerProducer(self, True)
        self.factory.arrived(self)

    def connectionLost(self, reason):
        self.factory.fanout.discard(self)

    def hold(self, name, data):
        self.held[name] = data

    def pauseProducing(self):
        self.write = None

    def resumeProducing(self):
        held, self.held = self.held, {}
        self.write = self.writer.write
        for data in held.values():
            self.write(data)

    def stopProducing(self):
        self.write = None


class FanoutTests(TestCase):
    timeout = 30

    def setUp(self):
        self.factory = Factory.forProtocol(Recipient)
        self.factory.fanout = Fanout(reactor)
        self.port = reactor.listenTCP(0, self.factory, interface="127.0.0.1")
        self.addCleanup(self.port.stopListening)

    async def connect(self):
        arrived = Deferred()
        self.factory.arrived = arrived.callback
        client = socket.create_connection(("127.0.0.1", self.port.getHost().port))
        self.addCleanup(client.close)
        client.setblocking(False)
        recipient = await arrived
        self.addCleanup(recipient.transport.abortConnection)
        self.factory.fanout.add(recipient)
        return client, recipient

    async def read(self, client, until):
        got = bytearray()
        while not got.endswith(until):
            try:
                got += client.recv(1 << 20)
            except BlockingIOError:
                await deferLater(reactor, 0)
        return [bytes(got[i:i + SIZE]) for i in range(0, len(got), SIZE)]

    async def test_all_get_all(self):
        clients = [await self.connect() for _ in range(3)]
        for number in range(3):
            self.factory.fanout.write("a", message(number))
        for client, _ in clients:
            self.assertEqual(await self.read(client, message(2)), [message(n) for n in range(3)])

    async def test_who_does_not_read_gets_whole_messages_and_then_the_newest(self):
        client, slow = await self.connect()
        number = 0
        while slow.write is not None or not slow.held:
            self.factory.fanout.write("a", message(number))
            number += 1
        self.factory.fanout.write("a", message(number))
        self.assertEqual(list(slow.held.values()), [message(number)])
        got = await self.read(client, message(number))
        numbers = [int(data[:8]) for data in got]
        self.assertEqual([message(n) for n in numbers], got)  # none torn
        self.assertEqual(numbers, sorted(set(numbers)))
        self.assertEqual(numbers[:-1], list(range(len(numbers) - 1)))

    async def test_writes_of_others_are_not_overtaken_in_the_middle(self):
        client, recipient = await self.connect()
        sent = []
        for number in range(200):
            sent.append(message(number))
            if number % 3:
                self.factory.fanout.write(str(number), sent[-1])
            elif recipient.write is None:
                recipient.hold(str(number), sent[-1])
            else:
                recipient.transport.write(sent[-1])  # as Autobahn sends its pongs
        got = await self.read(client, sent[-1])
        self.assertEqual(got, sent)

    async def test_a_lost_connection_harms_nobody(self):
        gone, recipient = await self.connect()
        client, _ = await self.connect()
        lost = Deferred()
        recipient.connectionLost = lambda reason: (self.factory.fanout.discard(recipient), lost.callback(None))
        gone.close()
        for number in range(20):
            self.factory.fanout.write("a", message(number))
        await lost
        self.factory.fanout.write("a", message(20))
        self.assertEqual(len(await self.read(client, message(20))), 21)
        self.assertEqual(len(self.factory.fanout), 1)

    async def test_switched_off(self):
        self.patch(direct, "enabled", False)
        client, recipient = await self.connect()
        self.assertEqual(list(self.factory.fanout), [recipient])
        self.factory.fanout.write("a", message(1))
        self.assertEqual(await self.read(client, message(1)), [message(1)])
