"""A client for the tests of REST: whole HTTP requests through the real Site, without a network."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from camd.hookspecs import Route
from camd.state import EVERYONE, GUEST_NAME, Permission, Principal
from camd.web.errors import Branch
from camd.web.site import Site

PEER = IPv4Address("TCP", "192.0.2.7", 40000)
_P = Permission
#: Who asks, by the name that a test gives as bearer.
WHO = {
    "admin": Principal("admin", frozenset(Permission), how="bearer"),
    "operator": Principal(
        "operator", frozenset((_P.Device_r, _P.Device_rw, _P.Media_r, _P.Media_rw, _P.System_r))
    ),
    "viewer": Principal("viewer", frozenset((_P.Device_r, _P.Media_r, _P.System_r)), how="bearer"),
    "nobody": Principal("nobody", frozenset(), how="bearer"),
    "front": Principal("front", frozenset(Permission), cameras=frozenset({"front"})),
    "guest": Principal(GUEST_NAME, frozenset(), how="guest"),
    "reading-guest": Principal(GUEST_NAME, frozenset({_P.Device_r}), how="guest"),
    "everyone": EVERYONE,
}


class Answer:
    """One answer, taken apart; header names in lower case."""

    def __init__(self, data: bytes):
        head, _, self.body = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        self.status = int(first.split(" ")[1])
        self.headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(": ")
            self.headers[name.lower()] = value

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> Any:
        return self.json["error"]


class RestClient:
    """Serves routes on a Site of its own, without the guard before them, and asks them."""

    def __init__(self, routes: Iterable[Route]):
        root = Branch()
        api = Branch()
        root.putChild(b"api", api)
        for route in routes:
            api.putChild(route.path.removeprefix("/api/").encode(), route.resource)
        self.site = Site(root, Clock())

    def __call__(
        self,
        method: str,
        path: str,
        value: Any = None,
        *,
        by: str = "admin",
        headers: Mapping[str, str] = {},
        body: bytes | None = None,
    ) -> Answer:
        lines = {"Host": "camd", "Authorization": f"Bearer {by}"}
        if value is not None:
            body = json.dumps(value).encode()
            lines["Content-Type"] = "application/json"
        if body is not None:
            lines["Content-Length"] = str(len(body))
        lines |= headers
        head = "".join(f"{name}: {text}\r\n" for name, text in lines.items() if text is not None)
        channel = self.site.buildProtocol(PEER)
        transport = StringTransport(peerAddress=PEER)
        channel.makeConnection(transport)
        channel.dataReceived(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + (body or b""))
        data = transport.value()
        assert data, f"{method} {path} has no answer yet"
        return Answer(data)


def identify(request: Any) -> Principal:
    """Who asks, by the bearer of the request."""
    return WHO[request.getHeader(b"authorization").decode().partition(" ")[2]]


def unheard(*_: Any, **fields: Any) -> None:
    """An audit log that nobody reads."""
