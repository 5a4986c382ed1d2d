"""UDP: one pair of sockets, for RTP and RTCP, for all clients that reach us at one of our addresses.

Packets of one picture leave in one system call, which the kernel cuts into datagrams (UDP_SEGMENT), where
it can. A socket that is full makes its clients wait, like a connection that does.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.interfaces import IReadWriteDescriptor
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ..errors import Unsupported

#: Of udp(7); Python 3.11 has no names for them.
_SOL_UDP, _UDP_SEGMENT = 17, 103
_SEGMENT = struct.Struct("=H")
#: The kernel or the interface cannot cut.
_CANNOT_CUT = (errno.EINVAL, errno.EIO, errno.ENOPROTOOPT, errno.EOPNOTSUPP, errno.EMSGSIZE)
_FULL = (errno.EAGAIN, errno.ENOBUFS)
#: Of RTCP; more is not wanted from a client.
_DATAGRAM = 2048
#: Datagrams that are read in one turn of the reactor.
_IN_A_TURN = 64
#: A burst of a key frame to many clients; the kernel gives less if its own limit is lower.
_SEND_BUFFER = 4 * 1024 * 1024
_TRIES = 50

Address = tuple[Any, ...]


@implementer(IReadWriteDescriptor)
class UdpSocket:
    """One bound socket. Reactor thread only. received(data, address) gets every datagram; lost: batches that
    the kernel refused for other reasons than being full."""

    def __init__(self, reactor: Any, bound: socket.socket, received: Callable[[bytes, Address], None]):
        self.lost = 0
        self._reactor = reactor
        self._socket = bound
        self._received = received
        self._cuts = True
        self._waiting: deque[Callable[[], None]] = deque()
        bound.setblocking(False)
        reactor.addReader(self)

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    def send(self, data: bytes, segment: int, address: Address) -> int:
        """Send datagrams of `segment` bytes; returns how many bytes were taken: all, unless the socket is full."""
        if self._cuts and segment < len(data):
            try:
                self._socket.sendmsg((data,), ((_SOL_UDP, _UDP_SEGMENT, _SEGMENT.pack(segment)),), 0, address)
            except OSError as error:
                if error.errno in _FULL:
                    return 0
                if error.errno not in _CANNOT_CUT:
                    self.lost += 1
                    return len(data)
                self._cuts = False
            else:
                return len(data)
        for begin in range(0, len(data), segment):
            try:
                self._socket.sendto(data[begin : begin + segment], address)
            except OSError as error:
                if error.errno in _FULL:
                    return begin
                self.lost += 1
        return len(data)

    def wait(self, go_on: Callable[[], None]) -> None:
        """Call this once when the socket has room again."""
        self._waiting.append(go_on)
        self._reactor.addWriter(self)

    def close(self) -> None:
        self._reactor.removeReader(self)
        self._reactor.removeWriter(self)
        self._waiting.clear()
        self._socket.close()

    # -- the reactor's side

    def fileno(self) -> int:
        return self._socket.fileno()

    def logPrefix(self) -> str:
        return "rtp"

    def doRead(self) -> None:
        for _ in range(_IN_A_TURN):
            try:
                data, address = self._socket.recvfrom(_DATAGRAM)
            except OSError:  # nothing more, or what came back from a client that is gone
                return
            self._received(data, address)

    def doWrite(self) -> None:
        self._reactor.removeWriter(self)
        for _ in range(len(self._waiting)):
            self._waiting.popleft()()

    def connectionLost(self, reason: Failure) -> None:
        """The reactor ends, or found the descriptor broken."""


class UdpPair:
    """An even port for RTP and the next one for RTCP (RFC 3550 section 11). Reactor thread only.

    reports: address and port of a client -> who takes its RTCP.
    """

    log = Logger()

    def __init__(self, reactor: Any, host: str):
        rtp, rtcp = _bound_pair(host)
        self.reports: dict[Address, Callable[[bytes], None]] = {}
        self.rtp = UdpSocket(reactor, rtp, self._ignore)
        self.rtcp = UdpSocket(reactor, rtcp, self._report)
        self.ports = self.rtp.port, self.rtcp.port

    def close(self) -> None:
        self.rtp.close()
        self.rtcp.close()

    def _ignore(self, data: bytes, address: Address) -> None:
        """Clients send something to open the way through their router."""

    def _report(self, data: bytes, address: Address) -> None:
        take = self.reports.get(address[:2])
        if take is not None:
            take(data)


class UdpPairs:
    """The pairs in use, by our own address. Reactor thread only."""

    def __init__(self, reactor: Any):
        self._reactor = reactor
        self._pairs: dict[str, UdpPair] = {}
        self._lost_before = 0

    def open(self, host: str) -> UdpPair:
        """The pair at this address of ours. Raises Unsupported if there is none to be had."""
        pair = self._pairs.get(host)
        if pair is None:
            pair = self._pairs[host] = UdpPair(self._reactor, host)
        return pair

    def close_unused(self) -> None:
        """Close the pairs that no client is left of."""
        for host, pair in list(self._pairs.items()):
            if not pair.reports:
                self._lost_before += pair.rtp.lost
                del self._pairs[host]
                pair.close()

    @property
    def lost(self) -> int:
        return self._lost_before + sum(pair.rtp.lost for pair in self._pairs.values())


def host_of(address: str) -> str:
    """An IPv4 address that came in at an IPv6 socket is one of IPv4."""
    return address.removeprefix("::ffff:") if "." in address else address


def _bound_pair(host: str) -> tuple[socket.socket, socket.socket]:
    problem: OSError | None = None
    for _ in range(_TRIES):
        first = second = None
        try:
            first = _bound(host, 0)
            port = first.getsockname()[1]
            second = _bound(host, port + 1 if port % 2 == 0 else port - 1)
        except (OSError, OverflowError) as error:
            problem = error if isinstance(error, OSError) else None
            _close((first, second))
            continue
        first.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        second.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        return (first, second) if port % 2 == 0 else (second, first)
    raise Unsupported(f"there are no ports for RTP over UDP at {host}: {problem}")


def _bound(host: str, port: int) -> socket.socket:
    family, kind, _, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST | socket.AI_PASSIVE
    )[0]
    made = socket.socket(family, kind)
    try:
        made.bind(address)
    except OSError:
        made.close()
        raise
    return made


def _close(sockets: Iterable[socket.socket | None]) -> None:
    for one in sockets:
        if one is not None:
            one.close()
