"""WAMP connections, byte by byte: handshake, malformed messages, limits, and clients that do not read."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

from autobahn.wamp import message
from autobahn.wamp.role import RoleCallerFeatures
from camd_plugins.wamp.codec import CODECS
from camd_plugins.wamp.transport import MAX_MESSAGE, MAX_WAITING, WampFactory
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from camd.hookspecs import Method, hookimpl
from camd.state import Principal, Spec
from camd.testing import app_for_tests
from camd.web.ratelimit import MESSAGES as RATE

from .test_wamp_session import ADMIN, GUEST, VIEWER, Users

BY_NAME = {codec.NAME: codec for codec in CODECS}
HANDSHAKE = (
    "GET /wamp HTTP/1.1\r\nHost: camd\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{}\r\n"
)
TEXT, BINARY, CLOSE, PING = 1, 2, 8, 9


class Wire(StringTransport):
    """A connection that came through HTTP, and that can be full. reading: whether bytes are wanted."""

    disconnected = False
    full = False
    full_at: int | None = None
    reading = True

    def __init__(self) -> None:
        super().__init__()
        self.registerProducer(self, True)  # the HTTP channel

    def write(self, data: bytes) -> None:
        super().write(data)
        if self.full_at is not None and len(self.value()) >= self.full_at and not self.full:
            self.full = True
            self.producer.pauseProducing()

    def drain(self) -> bytes:
        """Everything that was written; the connection has room again."""
        data = self.value()
        self.clear()
        if self.full:
            self.full = False
            self.producer.resumeProducing()
        return data

    def pauseProducing(self) -> None:
        self.reading = False

    def resumeProducing(self) -> None:
        self.reading = True

    def abortConnection(self) -> None:
        self.disconnected = True


class Plugin:
    def __init__(self) -> None:
        self.waiting: list[Deferred[Any]] = []

    def wait(self) -> Deferred[Any]:
        self.waiting.append(Deferred())
        return self.waiting[-1]

    @hookimpl
    def camd_observables(self, app: Any) -> list[Spec]:
        return [Spec("lamp/colour", str, default="red", read="Device_r", write="Device_rw")]

    @hookimpl
    def camd_methods(self, app: Any) -> list[Method]:
        return [Method("lamp.wait", {}, "Device_r", self.wait)]


class Peer:
    """The other end of one connection."""

    def __init__(self, factory: WampFactory, codec: str = "json", principal: Principal = ADMIN):
        self.codec = BY_NAME[codec]
        self.protocol = factory.buildProtocol(None)
        self.protocol.principal, self.protocol.address = principal, "192.0.2.1"
        self.wire = Wire()
        self.protocol.makeConnection(self.wire)
        self.protocol.dataReceived(HANDSHAKE.format(f"Sec-WebSocket-Protocol: wamp.2.{codec}\r\n").encode())
        self.handshake = self.wire.value()
        self.wire.clear()

    def send_bytes(self, *payloads: bytes, opcode: int | None = None) -> None:
        """As WebSocket messages, all in one piece of data."""
        opcode = opcode or (BINARY if self.codec.BINARY else TEXT)
        self.protocol.dataReceived(b"".join(frame(payload, opcode) for payload in payloads))

    def send(self, *messages: message.Message) -> None:
        self.send_bytes(*(one.serialize(self.codec) for one in messages))

    def frames(self) -> list[tuple[int, bytes]]:
        return list(unframe(self.wire.drain()))

    def received(self) -> list[list[Any]]:
        """The raw messages since last time."""
        return [
            self.codec.unserialize(data, kind == BINARY)
            for kind, data in self.frames()
            if kind in (TEXT, BINARY)
        ]

    def join(self) -> Peer:
        self.send(message.Hello("camd", {"caller": RoleCallerFeatures()}))
        (welcome,) = self.received()
        assert welcome[0] == message.Welcome.MESSAGE_TYPE
        return self

    def lose(self) -> None:
        self.protocol.connectionLost(Failure(ConnectionDone()))


def frame(payload: bytes, opcode: int) -> bytes:
    """A whole client message (RFC 6455 section 5.2), masked with zeros."""
    size = len(payload)
    length = bytes([128 | size]) if size < 126 else b"\xfe" + struct.pack(">H", size) if size < 65536 else \
        b"\xff" + struct.pack(">Q", size)  # fmt: skip
    return bytes([128 | opcode]) + length + bytes(4) + payload


def unframe(data: bytes) -> Any:
    """(opcode, payload) of the frames of a server."""
    while data:
        size, begin = data[1], 2
        if size == 126:
            size, begin = struct.unpack(">H", data[2:4])[0], 4
        elif size == 127:
            size, begin = struct.unpack(">Q", data[2:10])[0], 10
        yield data[0] & 15, data[begin : begin + size]
        data = data[begin + size :]


class TransportCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.plugin = Plugin()
        self.app = app_for_tests(Path(self.mktemp()), {"lamp": self.plugin})
        self.addCleanup(self.app.extensions.stop_services)
        Users().stand_in(self.app)
        self.factory = WampFactory(self.app)
        self.principal: Principal = ADMIN

    def peer(self, codec: str = "json") -> Peer:
        peer = Peer(self.factory, codec, self.principal)
        self.addCleanup(peer.lose)
        return peer


class HandshakeTests(TransportCase):
    def test_the_subprotocol_chooses_the_codec(self) -> None:
        for codec in BY_NAME:
            peer = self.peer(codec)
            self.assertIn(f"Sec-WebSocket-Protocol: wamp.2.{codec}\r\n".encode(), peer.handshake)
            peer.join()
            peer.send(message.Call(1, "camd.get", args=["lamp/colour"]))
            ((kind, request, _, args),) = peer.received()
            self.assertEqual((kind, request, args[0]["values"]), (50, 1, {"lamp/colour": "red"}))

    def test_no_subprotocol_of_ours(self) -> None:
        for line in (
            "",
            "Sec-WebSocket-Protocol: wamp.2.flatbuffers, mqtt\r\n",
            "Sec-WebSocket-Protocol: wamp.2.json.batched\r\n",
        ):
            protocol = self.factory.buildProtocol(None)
            wire = Wire()
            protocol.makeConnection(wire)
            protocol.dataReceived(HANDSHAKE.format(line).encode())
            self.assertTrue(wire.value().startswith(b"HTTP/1.1 400 "))
            protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.app.web.websocket.clients, 0)

    def test_the_handshake_names_the_principal(self) -> None:
        self.principal = VIEWER
        peer = self.peer()
        peer.send(message.Hello("camd", {"caller": RoleCallerFeatures()}))
        ((_, _, details),) = peer.received()
        self.assertEqual(details["authid"], "viewer")

    def test_every_websocket_counts(self) -> None:
        count = self.app.web.websocket
        peer, other = self.peer(), self.peer("cbor")
        self.assertEqual(count.clients, 2)
        count.max_clients = 2
        self.assertTrue(count.full)
        peer.lose()
        other.lose()
        self.assertEqual((count.clients, count.full), (0, False))


    def test_strangers_give_way(self) -> None:
        count = self.app.web.websocket
        member = self.peer()
        self.principal = GUEST
        joined, strange = self.peer(), self.peer()
        joined.protocol._session._join(VIEWER, "ticket")
        self.assertEqual(
            [peer.protocol.is_stranger for peer in (member, joined, strange)], [False, False, True]
        )
        count.drop_stranger()
        self.assertEqual((strange.wire.disconnected, count.clients), (True, 2))
        count.drop_stranger()
        self.assertEqual((member.wire.disconnected, joined.wire.disconnected), (False, False))
        self.assertEqual((count.clients, count.refused), (2, 1))


class MalformedTests(TransportCase):
    def violated(self, peer: Peer) -> str:
        (_, abort), (closing, code) = peer.frames()
        kind, details, reason = peer.codec.unserialize(abort, peer.codec.BINARY)
        self.assertEqual((kind, reason), (message.Abort.MESSAGE_TYPE, "wamp.error.protocol_violation"))
        self.assertEqual((closing, code), (CLOSE, struct.pack(">H", 1000)))
        return details["message"]

    def test_before_and_after_joining(self) -> None:
        for data in (
            b"", b"x", b"{", b"{}", b"[]", b"7", b"null", b'["1"]', b"[1.5]", b"[true]", b"[99]", b"[-1]",
            b"[1]", b"[1,2]",
            b"[48]", b"[48,1]", b"[48,1,{}]", b"[48,-1,{},\"a.b\"]", b'[48,"1",{},"a.b"]', b'[48,1,[],"a.b"]',
            b'[48,1,{},"camd.get",{}]', b'[48,1,{},"camd.get",[],[]]', b'[48,1,{"timeout":"x"},"camd.get"]',
            b'[32,1,{"match":"fuzzy"},"a.b"]', b"[2,1,{}]", b"[50,1,{}]", b"[36,1,1,{}]",
            b'[8,48,1,{},"a.b"]', b"[6]",
            b'[1,"camd",{"roles":{"caller":{"features":{"self":1}}}}]', b'[1,"camd",{"roles":{"caller":7}}]',
            b'[1,"camd",{"roles":{"broker":{}}}]', b'[1,"camd",{}]', b'[1,"a b",{"roles":{"caller":{}}}]',
            b"[" * 5000, b'[16,1,{},"a.b",7]',
        ):  # fmt: skip
            for joined in (False, True):
                peer = self.peer()
                if joined:
                    peer.join()
                peer.send_bytes(data)
                self.violated(peer)
                peer.lose()

    def test_no_utf_8(self) -> None:
        peer = self.peer().join()
        peer.send_bytes(b'[48,1,{},"\xff"]')
        self.assertEqual(
            [(kind, data[:2]) for kind, data in peer.frames()], [(CLOSE, struct.pack(">H", 1007))]
        )

    def test_the_answer_does_not_repeat_the_message(self) -> None:
        peer = self.peer()
        peer.send_bytes(b'[1,"camd",{"roles":{"%s":{}}}]' % (b"x" * 50_000))
        self.assertLessEqual(len(self.violated(peer)), 200)

    def test_text_for_binary(self) -> None:
        peer = self.peer("cbor").join()
        peer.send_bytes(b'[48,1,{},"camd.get"]', opcode=TEXT)
        self.violated(peer)

    def test_what_follows_a_violation_is_not_looked_at(self) -> None:
        peer = self.peer().join()
        call = message.Call(1, "camd.get").serialize(peer.codec)
        peer.send_bytes(b"{}", call, call)
        self.violated(peer)

    def test_a_wrong_uri_is_answered(self) -> None:
        peer = self.peer().join()
        for kind, data in (
            (48, b'[48,7,{},"a b"]'),
            (32, b'[32,7,{},"a#b"]'),
            (64, b'[64,7,{},"a b"]'),
            (32, b'[32,7,{},""]'),
        ):
            peer.send_bytes(data)
            ((error, request_type, request, _, uri, *_),) = peer.received()
            self.assertEqual((error, request_type, request, uri), (8, kind, 7, "wamp.error.invalid_uri"))

    def test_a_mistake_of_ours_ends_the_session(self) -> None:
        peer = self.peer().join()
        self.patch(self.factory.realm.procedures, "find", lambda uri: 1 / 0)
        peer.send(message.Call(1, "camd.get"))
        (_, abort), (closing, _) = peer.frames()
        self.assertIn(b"camd.error.internal", abort)
        self.assertEqual(closing, CLOSE)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_too_large(self) -> None:
        peer = self.peer().join()
        peer.send_bytes(b'[48,1,{},"camd.get",["' + b"x" * MAX_MESSAGE + b'"]]')
        self.assertEqual(
            [(kind, data[:2]) for kind, data in peer.frames()], [(CLOSE, struct.pack(">H", 1009))]
        )
        peer = self.peer().join()
        piece = frame(b'[48,1,{},"camd.get",["' + b"x" * 40_000, TEXT)
        peer.protocol.dataReceived(bytes([TEXT]) + piece[1:])  # a fragment
        peer.protocol.dataReceived(bytes([0]) + piece[1:])
        self.assertEqual(
            [(kind, data[:2]) for kind, data in peer.frames()], [(CLOSE, struct.pack(">H", 1009))]
        )


class FlowTests(TransportCase):
    def call(self, number: int, procedure: str = "lamp.wait", *args: Any) -> message.Call:
        return message.Call(number, f"camd.{procedure}", args=list(args))

    def test_not_more_calls_than_can_wait(self) -> None:
        peer = self.peer().join()
        peer.send(*(self.call(number + 1) for number in range(MAX_WAITING + 5)))
        self.assertEqual((len(self.plugin.waiting), peer.wire.reading), (MAX_WAITING, False))
        self.plugin.waiting[3].callback("done")
        self.assertEqual([one[1] for one in peer.received()], [4])
        self.assertEqual((len(self.plugin.waiting), peer.wire.reading), (MAX_WAITING + 1, False))
        for waiting in self.plugin.waiting:  # it grows meanwhile
            if not waiting.called:
                waiting.callback("done")
        self.assertEqual(len(peer.received()), MAX_WAITING + 4)
        self.assertTrue(peer.wire.reading)

    def test_answers_may_be_longer_than_questions(self) -> None:
        for codec in BY_NAME:
            peer = self.peer(codec).join()
            peer.send(self.call(1))
            self.plugin.waiting[-1].callback("x" * 2 * MAX_MESSAGE)
            self.assertEqual([len(one[3][0]) for one in peer.received()], [2 * MAX_MESSAGE])

    def test_a_result_that_cannot_be_sent(self) -> None:
        for codec in BY_NAME:
            peer = self.peer(codec).join()
            peer.send(self.call(1))
            self.plugin.waiting[-1].callback({"lamp": object()})
            self.assertEqual([one[4] for one in peer.received()], ["camd.error.internal"])
            self.assertEqual(len(self.flushLoggedErrors()), 1)
            self.assertEqual(peer.protocol._session.caller.waiting, 0)

    def test_a_client_that_does_not_read_is_not_read(self) -> None:
        peer = self.peer().join()
        peer.wire.full_at = 2000
        peer.send(*(self.call(number + 1, "get", "lamp/*") for number in range(90)))
        self.assertFalse(peer.wire.reading)
        answers = 0
        while True:
            self.assertLess(len(peer.wire.value()), 2200)
            received = peer.received()
            if not received:
                break
            answers += len(received)
        self.assertEqual((answers, peer.wire.reading), (90, True))

    def test_what_it_misses_is_kept_as_the_newest(self) -> None:
        peer = self.peer().join()
        peer.send(message.Subscribe(1, "camd.state.lamp.", "prefix"))
        peer.received()
        peer.wire.full_at = 1
        for number in range(50):
            self.app.state["lamp/colour"].publish(f"colour {number}")
        self.assertEqual(self.app.web.websocket.queue_depth, 1)
        self.assertEqual([one[4] for one in peer.received()], [["colour 0"]])
        self.assertEqual([one[4] for one in peer.received()], [["colour 49"]])
        self.assertEqual(self.app.web.websocket.queue_depth, 0)

    def test_the_rate(self) -> None:
        peer = self.peer().join()
        peer.send(*(self.call(number + 1, "get") for number in range(RATE + 20)))
        answers = peer.received()
        self.assertEqual([one[0] for one in answers], [50] * RATE + [8] * 20)
        _, _, request, _, uri, _, details = answers[-1]
        self.assertEqual((request, uri), (RATE + 20, "camd.error.rate_limited"))
        self.assertEqual(details, {"retry_after": 1})
        self.app.reactor.advance(0.1)
        peer.send(*(self.call(number + 1, "get") for number in range(20)))
        self.assertEqual([one[0] for one in peer.received()], [50] * 10 + [8] * 10)

    def test_without_a_rate(self) -> None:
        self.app.web.limits.enabled = False
        peer = self.peer().join()
        peer.send(*(self.call(number + 1, "get") for number in range(3 * RATE)))
        self.assertEqual({one[0] for one in peer.received()}, {50})

    def test_the_rate_of_publications_nobody_waits_for(self) -> None:
        peer = self.peer().join()
        peer.send(*(message.Publish(number + 1, "a.b", args=[]) for number in range(RATE + 20)))
        self.assertEqual(peer.received(), [])

    def test_a_lost_connection_leaves_nothing(self) -> None:
        peer = self.peer().join()
        peer.send(
            message.Subscribe(1, "camd.state.", "prefix"), *(self.call(n + 2) for n in range(MAX_WAITING + 2))
        )
        peer.lose()
        for waiting in self.plugin.waiting:
            waiting.callback("done")
        self.app.state["lamp/colour"].publish("blue")
        self.assertEqual((len(self.app.web.presence.visits), self.app.web.websocket.clients), (0, 0))
        self.assertEqual(len(self.plugin.waiting), MAX_WAITING)


class ClosingTests(TransportCase):
    def test_camd_stops(self) -> None:
        peer, silent = self.peer().join(), Peer(self.factory)
        self.app.web.websocket.close(1)
        (_, goodbye), (closing, code) = peer.frames()
        self.assertIn(b"wamp.close.system_shutdown", goodbye)
        self.assertEqual((closing, code), (CLOSE, struct.pack(">H", 1001)))
        (_, abort), (closing, code) = silent.frames()
        self.assertIn(b"wamp.close.system_shutdown", abort)
        self.assertEqual((closing, code), (CLOSE, struct.pack(">H", 1001)))
        silent.lose()

    def test_camd_stops_during_a_handshake(self) -> None:
        protocol = self.factory.buildProtocol(None)
        wire = Wire()
        protocol.makeConnection(wire)
        self.app.web.websocket.close(1)
        self.assertTrue(wire.disconnected)
        protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.app.web.websocket.clients, 0)

    def test_goodbye(self) -> None:
        peer = self.peer().join()
        peer.send(message.Goodbye())
        (_, goodbye), (closing, _) = peer.frames()
        self.assertIn(b"wamp.close.goodbye_and_out", goodbye)
        self.assertEqual(closing, CLOSE)
        peer.send_bytes(struct.pack(">H", 1000), opcode=CLOSE)
        self.assertEqual(peer.frames(), [])
