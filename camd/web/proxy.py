"""Proxies: what a request says about its client when a reverse proxy stands between the two of us.

Whoever can send headers can write any address into them. So the headers of a proxy count only if it is
one that the configuration names, and of the addresses in `X-Forwarded-For` only the last that no such
proxy has: what stands before it was sent by the client.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .request import Request

#: The address of a client that comes through a unix socket.
LOCAL = "local"
_HOST = re.compile(rb"(?:(?P<name>[A-Za-z0-9._-]{1,255})|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_IPV4 = re.compile(rb"\d{1,3}(?:\.\d{1,3}){3}")
_PREFIX = re.compile(rb"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,99}){1,8}")
_REMEMBERED = 1000
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Way:
    """How a request came to us.

    address: of the client. secure: whether it came by HTTPS, all the way as far as we know. host: name
    and port that the client asked for, lower case. prefix: the path before ours that the client sees,
    "" or like "/cams". proxied: a proxy that we trust handed it on.
    """

    address: str
    secure: bool
    host: bytes
    prefix: str = ""
    proxied: bool = False

    @property
    def is_local(self) -> bool:
        """Whether the client runs on this machine."""
        return is_local(self.address)


def host_name(host: bytes) -> bytes | None:
    """The name in a Host header, lower case; b"" for an address, None if it is malformed."""
    match = _HOST.fullmatch(host)
    if match is None:
        return None
    name = match["name"]
    return name.lower() if name and not _IPV4.fullmatch(name) else b""


class Proxies:
    """The proxies whose word counts. Immutable; a changed configuration makes another.

    trusted: addresses and networks; "unix" for whoever comes through a unix socket. base_path: the prefix
    where a proxy tells none.
    """

    def __init__(self, trusted: Iterable[str] = (), base_path: str = ""):
        names = tuple(trusted)
        self.base_path = base_path
        self._unix = "unix" in names
        self._networks = tuple(ipaddress.ip_network(name) for name in names if name != "unix")
        self._known: dict[str, bool] = {}

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self._networks or self._unix)

    def trusts(self, address: str) -> bool:
        """Whether this peer is one of them."""
        known = self._known.get(address)
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            known = self._known[address] = self._looks_trusted(address)
        return known

    def _looks_trusted(self, address: str) -> bool:
        if address == LOCAL:
            return self._unix
        parsed = _parse(address)
        return parsed is not None and any(parsed in network for network in self._networks)

    def way(self, request: Request) -> Way:
        """The way of one request."""
        peer = address_of(request.client)
        headers = request.requestHeaders
        hosts = headers.getRawHeaders(b"host")
        host = hosts[0].lower() if hosts else b""
        if not (self and self.trusts(peer)):
            return Way(peer, request.isSecure(), host, self.base_path)
        forwarded = _last(headers.getRawHeaders(b"x-forwarded-host")).lower()
        name = host_name(forwarded)
        allowed = request.site.host_names
        if name is not None and (allowed is None or not name or name in allowed):
            host = forwarded
        scheme = _last(headers.getRawHeaders(b"x-forwarded-proto")).lower()
        prefix = _last(headers.getRawHeaders(b"x-forwarded-prefix")).rstrip(b"/")
        return Way(
            self._client(headers.getRawHeaders(b"x-forwarded-for") or (), peer),
            scheme in (b"https", b"wss") or (not scheme and request.isSecure()),
            host,
            prefix.decode() if _PREFIX.fullmatch(prefix) else self.base_path,
            True,
        )

    def _client(self, forwarded: Iterable[bytes], peer: str) -> str:
        """The last address that is not a trusted proxy's; where the list makes no sense, whoever sent it."""
        client = peer
        for item in reversed(b",".join(forwarded).split(b",")):
            address = _parse(_without_port(item.strip().decode("ascii", "replace")))
            if address is None:
                break
            client = str(address)
            if not self.trusts(client):
                break
        return client


def is_local(address: str) -> bool:
    """Whether an address as `address_of` writes it is this machine's own."""
    return address in (LOCAL, "::1") or address.startswith("127.")


def address_of(peer: object) -> str:
    """The address of a Twisted peer as text; IPv4 within IPv6 is written as IPv4."""
    host = getattr(peer, "host", None) or LOCAL
    return host.removeprefix("::ffff:")


def _parse(text: str) -> _Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _without_port(text: str) -> str:
    """Some proxies write "192.0.2.1:4711" or "[2001:db8::1]:4711"."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text


def _last(values: list[bytes] | None) -> bytes:
    """The value that the nearest proxy wrote."""
    return values[-1].rpartition(b",")[2].strip() if values else b""
