"""Link: camd's ears and mouth at one place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.error import MessageLengthError
from twisted.internet.protocol import DatagramProtocol

from .messages import LONGEST
from .names import PORT
from .places import Place
from .sockets import endpoint, group_socket, own_socket

#: Bytes that are read before others have their turn.
AT_ONCE = 8192
#: Called with (link, data, host, port, own): own is the address asked, "" for the group.
Heard = Callable[["Link", bytes, str, int, str], None]


class Link:
    """Reactor thread only. unsent: datagrams that the kernel did not take."""

    def __init__(self, place: Place, reactor: Any, heard: Heard):
        self.place = place
        self.unsent = 0
        self._reactor = reactor
        self._heard = heard
        self._ports: dict[str, Any] = {}

    def open(self) -> None:
        """Raises OSError, and then nothing is open."""
        opened = {}
        try:
            opened[""] = group_socket(self.place)
            for address in self.place.addresses:
                opened[str(address.ip)] = own_socket(self.place, str(address.ip))
            for own, one in opened.items():  # which takes a copy of the descriptor
                port = self._reactor.adoptDatagramPort(one.fileno(), one.family, _Ear(self, own), LONGEST + 1)
                port.maxThroughput = AT_ONCE
                self._ports[own] = port
        finally:
            for one in opened.values():
                one.close()

    def close(self) -> Deferred[Any]:
        """What was sent is on its way already. Fires when the sockets are closed."""
        ports, self._ports = self._ports, {}
        return DeferredList([maybeDeferred(port.stopListening) for port in ports.values()])

    def hear(self, data: bytes, host: str, port: int, own: str) -> None:
        self._heard(self, data, host, port, own)

    def send(self, data: bytes, host: str, port: int, own: str = "") -> None:
        """With this address of ours, or the first one. Nothing happens once the link is closed."""
        mouth = self._ports.get(own or self.place.own)
        if mouth is None:
            return
        try:
            mouth.write(data, endpoint(self.place, host, port))
        except (OSError, ValueError, MessageLengthError):  # an address that is gone, a full buffer
            self.unsent += 1

    def tell_everybody(self, data: bytes) -> None:
        self.send(data, self.place.group, PORT)


class _Ear(DatagramProtocol):
    """own: as in Heard."""

    noisy = False

    def __init__(self, link: Link, own: str):
        self._link = link
        self._own = own

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self._link.hear(datagram, addr[0], addr[1], self._own)
