"""RTP over UDP: real sockets on the loopback address, and a reactor that only remembers what it is told."""

from __future__ import annotations

import errno
import socket
from typing import Any

from twisted.internet.testing import MemoryReactor
from twisted.trial.unittest import SynchronousTestCase

from camd.errors import Unsupported
from camd.rtsp.session import TIMEOUT
from camd.rtsp.udp import UdpPair, UdpPairs, UdpSocket, host_of
from camd.wire import rtcp, rtp

from .rtsp_case import URL, Line, RtspCase, transport_of

LOOPBACK = "127.0.0.1"


def bound() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((LOOPBACK, 0))
    made.settimeout(2)
    return made


class Full:
    """A socket that takes so many bytes, and no more; or always fails."""

    def __init__(self, room: int = 0, error: int = errno.EAGAIN, cuts: bool = True):
        self.room, self.error, self.cuts = room, error, cuts
        self.sent: list[bytes] = []

    def setblocking(self, on: bool) -> None: ...

    def fileno(self) -> int:
        return -1

    def sendmsg(self, buffers: Any, ancillary: Any, flags: int, address: Any) -> int:
        if not self.cuts:
            raise OSError(errno.EIO, "no")
        return self.sendto(buffers[0], address)

    def sendto(self, data: bytes, address: Any) -> int:
        if len(data) > self.room:
            raise OSError(self.error, "no")
        self.room -= len(data)
        self.sent.append(data)
        return len(data)


class SocketTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = MemoryReactor()
        self.received: list[bytes] = []

    def socket(self, inner: Any) -> UdpSocket:
        return UdpSocket(self.reactor, inner, lambda data, address: self.received.append(data))

    def test_one_send_is_many_datagrams(self) -> None:
        client, ours = bound(), self.socket(bound())
        self.addCleanup(client.close)
        self.addCleanup(ours.close)
        self.assertEqual(ours.send(b"a" * 10 + b"b" * 10 + b"c" * 4, 10, client.getsockname()), 24)
        self.assertEqual([client.recv(100) for _ in range(3)], [b"a" * 10, b"b" * 10, b"c" * 4])

    def test_kernels_that_cannot_cut(self) -> None:
        inner = Full(100, cuts=False)
        ours = self.socket(inner)
        self.assertEqual(ours.send(b"a" * 10 + b"b" * 4, 10, ()), 14)
        self.assertEqual((inner.sent, ours.lost), ([b"a" * 10, b"b" * 4], 0))

    def test_a_full_socket_says_how_far_it_came(self) -> None:
        self.assertEqual(self.socket(Full(25, cuts=False)).send(b"x" * 50, 10, ()), 20)
        self.assertEqual(self.socket(Full()).send(b"x" * 50, 10, ()), 0)

    def test_what_cannot_be_reached_is_lost_and_counted(self) -> None:
        ours = self.socket(Full(error=errno.ENETUNREACH))
        self.assertEqual((ours.send(b"x" * 50, 10, ()), ours.lost), (50, 1))

    def test_waiting(self) -> None:
        ours = self.socket(Full())
        called: list[int] = []
        ours.wait(lambda: called.append(1))
        ours.wait(lambda: ours.wait(lambda: called.append(2)))
        self.assertIn(ours, self.reactor.getWriters())
        ours.doWrite()
        self.assertEqual((called, ours in self.reactor.getWriters()), ([1], True))
        ours.doWrite()
        self.assertEqual((called, ours in self.reactor.getWriters()), ([1, 2], False))

    def test_pairs(self) -> None:
        pairs = UdpPairs(self.reactor)
        pair = pairs.open(LOOPBACK)
        self.assertIs(pairs.open(LOOPBACK), pair)
        self.assertEqual((pair.ports[0] % 2, pair.ports[1]), (0, pair.ports[0] + 1))
        reports: list[bytes] = []
        client = bound()
        self.addCleanup(client.close)
        pair.reports[client.getsockname()] = reports.append
        client.sendto(b"rtcp", (LOOPBACK, pair.ports[1]))
        client.sendto(b"rtp", (LOOPBACK, pair.ports[0]))
        other = bound()
        self.addCleanup(other.close)
        other.sendto(b"of somebody else", (LOOPBACK, pair.ports[1]))
        pair.rtp.doRead()
        pair.rtcp.doRead()
        self.assertEqual(reports, [b"rtcp"])
        pairs.close_unused()
        self.assertIs(pairs.open(LOOPBACK), pair)
        pair.reports.clear()
        pairs.close_unused()
        self.assertEqual((pair.rtp.fileno(), self.reactor.getReaders()), (-1, []))

    def test_ipv6(self) -> None:
        try:
            pair = UdpPair(self.reactor, "::1")
        except Unsupported as error:
            self.skipTest(f"no IPv6 here: {error}")
        pair.close()

    def test_hosts(self) -> None:
        self.assertEqual([host_of(one) for one in ("::ffff:10.0.0.1", "10.0.0.1", "fe80::1")],
                         ["10.0.0.1", "10.0.0.1", "fe80::1"])


class SessionTests(RtspCase):
    def setUp(self) -> None:
        super().setUp()
        self.rtp, self.rtcp = bound(), bound()
        self.addCleanup(self.rtp.close)
        self.addCleanup(self.rtcp.close)
        self.addCleanup(self.server.udp.close_unused)

    def play(self) -> tuple[Line, str, tuple[str, int]]:
        """(connection, session, where our RTCP goes)."""
        line = self.line(address=LOOPBACK, host=LOOPBACK)
        ports = f"{self.rtp.getsockname()[1]}-{self.rtcp.getsockname()[1]}"
        reply = self.opened(line, transport=f"RTP/AVP;unicast;client_port={ports};destination=192.0.2.250")
        transport = transport_of(reply)
        self.assertEqual((transport["client_port"], transport["source"]), (ports, LOOPBACK))
        line.send("PLAY", session=reply.session)
        self.show_key()
        self.assertEqual((line.read().status, line.value()), (200, b""))
        return line, reply.session, (LOOPBACK, int(transport["server_port"].split("-")[1]))

    def test_packets_and_reports(self) -> None:
        line, session, _ = self.play()
        self.assertEqual(self.rtcp.recv(2048)[1], rtcp.SENDER_REPORT)
        first = rtp.parse(self.rtp.recv(2048))
        self.show(30)
        self.rtp.settimeout(0.05)
        sequences = [first.sequence]
        while True:
            try:
                sequences.append(rtp.parse(self.rtp.recv(2048)).sequence)
            except TimeoutError:
                break
        self.assertEqual(sequences, list(range(first.sequence, first.sequence + len(sequences))))
        self.assertGreater(len(sequences), 30)
        self.assertEqual(self.server.sessions(), {"tcp": 0, "udp": 1})
        line.send("TEARDOWN", session=session)
        self.assertEqual(self.server.sessions(), {"tcp": 0, "udp": 0})

    def test_the_dead_end(self) -> None:
        line, _, _ = self.play()
        self.clock.pump([5.0] * (TIMEOUT // 5))
        self.assertTrue(line.lost)
        self.assertEqual(self.app.cameras["cam1"].pipeline.clients(), {})

    def test_reports_are_life(self) -> None:
        line, _, where = self.play()
        pair = self.server.udp.open(LOOPBACK)
        for _ in range(8):
            self.rtcp.sendto(b"\x80\xc9\0\1\0\0\0\7", where)
            pair.rtcp.doRead()
            self.clock.pump([5.0] * 4)
        self.assertFalse(line.lost)

    def test_so_is_rtsp(self) -> None:
        line, session, _ = self.play()
        for _ in range(8):
            line.send("GET_PARAMETER", session=session)
            self.clock.pump([5.0] * 4)
        self.assertFalse(line.lost)

    def test_a_full_socket_holds_the_client(self) -> None:
        self.play()
        pair = self.server.udp.open(LOOPBACK)
        real, pair.rtp._socket = pair.rtp._socket, Full()
        self.show(5)
        self.assertIn(pair.rtp, self.clock.getWriters())
        pair.rtp._socket = real
        self.rtp.settimeout(0.05)
        before = len(self.received())
        pair.rtp.doWrite()
        self.assertGreaterEqual(len(self.received()), 5, f"after {before} packets nothing is left out")
        self.assertNotIn(pair.rtp, self.clock.getWriters())

    def received(self) -> list[int]:
        found = []
        while True:
            try:
                found.append(rtp.parse(self.rtp.recv(2048)).sequence)
            except TimeoutError:
                return found

    def test_nothing_stays(self) -> None:
        line, _, _ = self.play()
        pair = self.server.udp.open(LOOPBACK)
        self.hang_up(line)
        self.assertEqual((pair.reports, pair.rtp.fileno()), ({}, -1))

    def test_none_beside_an_encrypted_connection(self) -> None:
        line = self.line(address=LOOPBACK, host=LOOPBACK)
        line.protocol.may_use_udp = False
        self.assertEqual(self.opened(line, URL, "RTP/AVP;unicast;client_port=5000-5001").status, 461)
