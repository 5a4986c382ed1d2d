"""Notify: messages brought to a consumer (WS-BaseNotification). HTTP POST, one connection each, no redirects,
and nothing of the answer is looked at but its status.

A subscriber chooses the address, so it could make camd knock anywhere: only the subscriber's own address is
allowed, and what the state `onvif/consumers` names.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure

from camd.errors import Invalid

from . import soap
from .faults import Fault
from .xml import Xml, tag

#: For all of one message (seconds).
PATIENCE = 5.0
_LONGEST = 512
CONSUMERS = "onvif/consumers"
_MOST = 32
_OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_GROUP = "[0-9A-Fa-f]{1,4}"
_NETWORKS = (
    rf"({_OCTET}\.){{3}}{_OCTET}/([12]?[0-9]|3[0-2])",
    rf"(({_GROUP}:){{7}}{_GROUP}|({_GROUP}:){{1,7}}:|::)/(12[0-8]|1[01][0-9]|[1-9]?[0-9])",
)
_LABEL = "[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
#: The last label of a name is no number (RFC 3696 2): what looks like an address is one.
_NAME = rf"({_LABEL}\.)*[A-Za-z]([A-Za-z0-9_-]{{0,61}}[A-Za-z0-9])?"
_LONGEST_NAME = 253
#: The value of `onvif/consumers`, in words of JSON Schema.
SHAPE = {
    "maxItems": _MOST,
    "items": {
        "type": "string",
        "maxLength": _LONGEST_NAME,
        "anyOf": [
            {"format": "ipv4"},
            {"format": "ipv6"},
            *({"pattern": f"^{pattern}$"} for pattern in (*_NETWORKS, _NAME)),
        ],
    },
}
_ACTION = "http://docs.oasis-open.org/wsn/bw-2/NotificationConsumer/Notify"


def check_consumers(value: Any) -> Any:
    """The value of `onvif/consumers`, if it is one; names in small letters, as they are in addresses. Raises Invalid."""
    if len(value) > _MOST:
        raise Invalid(CONSUMERS, f"at most {_MOST} consumers")
    return [_consumer(one) for one in value]


def _consumer(one: Any) -> str:
    if isinstance(one, str) and len(one) <= _LONGEST_NAME:
        if re.fullmatch(_NAME, one):
            return one.lower()
        try:
            ipaddress.ip_network(one, strict=False)
        except ValueError:
            pass
        else:
            return one
    raise Invalid(CONSUMERS, "a consumer is an IP address, a network such as 192.0.2.0/24, or a host name")


class Place:
    """Where a consumer listens. Raises Fault if the address is none, or not allowed to this subscriber.

    allowed: addresses, networks and host names, as the administrator wrote them.
    """

    def __init__(self, url: str, subscriber: str, allowed: list[str]):
        try:
            parts = urlsplit(url)
            self.host, self.port = parts.hostname or "", parts.port or 80
        except ValueError:
            raise _refused("this is no address") from None
        if (
            parts.scheme != "http"
            or not self.host
            or len(url) > _LONGEST
            or not url.isascii()
            or not url.isprintable()
        ):
            raise _refused("the address of a consumer begins with http://")
        if " " in url or parts.username is not None:
            raise _refused("this is no address")
        self.url = url
        self.path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self.authority = parts.netloc
        if not (self.host == subscriber or _is_listed(self.host, allowed)):
            raise _refused(
                "consumers elsewhere than at the subscriber's address must be allowed (onvif/consumers)"
            )

    def tell(self, messages: list[Xml], reactor: Any) -> Deferred[None]:
        """Fires when the consumer has taken them; fails if it did not in time."""
        header = tag("s:Header", tag("wsa:Action", _ACTION), tag("wsa:To", self.url))
        body = soap.envelope(tag("wsnt:Notify", messages), header)
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: {self.authority}\r\nConnection: close\r\n"
            f"Content-Length: {len(body)}\r\n"
            f'Content-Type: application/soap+xml; charset=utf-8; action="{_ACTION}"\r\n\r\n'
        )
        told: Deferred[None] = Deferred()
        late = reactor.callLater(PATIENCE, told.cancel)
        factory = Factory.forProtocol(lambda: _Post(head.encode() + body, told))
        connecting = _endpoint(self.host)(reactor, self.host, self.port, timeout=PATIENCE).connect(factory)
        connecting.addErrback(lambda failure: told.called or told.errback(failure))

        def done(result: Any) -> Any:
            if late.active():
                late.cancel()
            connecting.addCallback(lambda protocol: protocol.transport.abortConnection())
            connecting.addErrback(lambda _: None)
            return result

        return told.addBoth(done)


class _Post(Protocol):
    """Sends one request and reads the first line of the answer."""

    def __init__(self, data: bytes, told: Deferred[None]):
        self._data = data
        self._told = told
        self._line = b""

    def connectionMade(self) -> None:
        self.transport.write(self._data)

    def dataReceived(self, data: bytes) -> None:
        self._line = (self._line + data)[:_LONGEST]
        if b"\r\n" not in self._line and len(self._line) < _LONGEST:
            return
        status = self._line.split(b" ", 2)[1:2]
        taken = self._line.startswith(b"HTTP/1.") and status and status[0].startswith(b"2")
        self._settle(None if taken else Failure(ConnectionDone("the consumer did not take it")))

    def connectionLost(self, reason: Failure) -> None:
        self._settle(reason)

    def _settle(self, failure: Failure | None) -> None:
        if not self._told.called:
            self._told.errback(failure) if failure else self._told.callback(None)


def _endpoint(host: str) -> Any:
    """Addresses need no resolver."""
    try:
        version = ipaddress.ip_address(host).version
    except ValueError:
        return HostnameEndpoint
    return TCP4ClientEndpoint if version == 4 else TCP6ClientEndpoint


def _is_listed(host: str, allowed: list[str]) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host in allowed
    for one in allowed:
        try:
            if address in ipaddress.ip_network(one, strict=False):
                return True
        except ValueError:
            continue
    return False


def _refused(reason: str) -> Fault:
    from .topic_filter import event_fault

    return event_fault(reason, "SubscribeCreationFailedFault")
