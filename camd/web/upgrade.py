"""Upgrade: the resource that turns a request into a WebSocket of some factory's protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from ..state.permission import Principal
from .api_resource import upgrade_required
from .errors import render_failure
from .identify import is_signed_in
from .origin import is_upgrade
from .request import Request

if TYPE_CHECKING:
    from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol

    from .client import ClientFactory
    from .web import Web


class Upgrade(Resource):
    """GET with `Upgrade: websocket`. Whoever the request says it is, a guest too, gets a connection while
    there is a place; a wrong identity is refused before. Strangers give way to those who say who they are.

    The factory enters its connections at `count`, without one at `web.websocket`, where all are counted. Its
    protocols find `principal` and `address` set before their handshake.
    """

    isLeaf = True

    def __init__(self, factory: WebSocketServerFactory, web: Web, count: ClientFactory | None = None):
        super().__init__()
        self._factory = factory
        self._web = web
        self._count = count

    def render_GET(self, request: Request) -> Any:
        if not is_upgrade(request.requestHeaders):
            return upgrade_required(request, "Connect with a WebSocket")
        principal = self._web.identify(request)
        if not isinstance(principal, Deferred):
            return self._open(request, principal)
        gone: list[Failure] = []
        request.notifyFinish().addErrback(gone.append)
        principal.addCallback(lambda by: None if gone else self._open_late(request, by))
        principal.addErrback(lambda failure: None if gone else render_failure(request, failure))
        return NOT_DONE_YET

    def _open_late(self, request: Request, principal: Principal) -> None:
        body = self._open(request, principal)
        if body is not NOT_DONE_YET:
            request.write(body)
            request.finish()

    def _open(self, request: Request, principal: Principal) -> Any:
        count = self._count or self._web.websocket
        if count.full and is_signed_in(principal):
            count.drop_stranger()
        if count.full:
            count.refused += 1
            request.setResponseCode(503, b"Server busy")
            request.setHeader(b"retry-after", b"5")
            request.setHeader(b"content-length", b"11")
            return b"Server busy"
        from autobahn.twisted.resource import WebSocketResource  # imports the reactor

        request.endless = True
        return WebSocketResource(_Introduced(self._factory, principal, request.address)).render(request)


class _Introduced:
    """A factory whose protocols know with whom they speak."""

    def __init__(self, factory: WebSocketServerFactory, principal: Principal, address: str):
        self._factory = factory
        self._principal = principal
        self._address = address

    def buildProtocol(self, address: Any) -> WebSocketServerProtocol | None:
        protocol = self._factory.buildProtocol(address)
        if protocol is not None:
            protocol.principal = self._principal
            protocol.address = self._address
        return protocol
